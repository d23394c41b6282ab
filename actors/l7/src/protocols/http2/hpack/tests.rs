use super::*;
use httlib_hpack::Encoder;
use proptest::prelude::*;

type Field = (Vec<u8>, Vec<u8>);

/// All fields of a block, `None` for unknown ones.
fn decode(d: &mut Decoder, block: &[u8], whole: bool) -> (Vec<Option<Field>>, bool) {
    let mut out = Vec::new();
    let done = d.decode(block, whole, |field| {
        out.push(field.map(|(n, v)| (n.to_vec(), v.to_vec())));
    });
    (out, done.is_ok())
}

fn fields(list: &[(&str, &str)]) -> Vec<Option<Field>> {
    list.iter()
        .map(|(n, v)| Some((n.as_bytes().to_vec(), v.as_bytes().to_vec())))
        .collect()
}

/// The requests of RFC 7541, appendix C.3, and the same with Huffman coding, C.4.
const REQUESTS: [[&[u8]; 3]; 2] = [
    [
        b"\x82\x86\x84\x41\x0fwww.example.com",
        b"\x82\x86\x84\xbe\x58\x08no-cache",
        b"\x82\x87\x85\xbf\x40\x0acustom-key\x0ccustom-value",
    ],
    [
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
        b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
    ],
];

const HOST: (&str, &str) = (":authority", "www.example.com");

#[test]
fn the_examples_of_the_rfc() {
    for requests in REQUESTS {
        let mut d = Decoder::default();
        let got: Vec<_> = requests.iter().map(|b| decode(&mut d, b, true)).collect();
        let (get, http, root) = ((":method", "GET"), (":scheme", "http"), (":path", "/"));
        let want = [
            fields(&[get, http, root, HOST]),
            fields(&[get, http, root, HOST, ("cache-control", "no-cache")]),
            fields(&[
                get,
                (":scheme", "https"),
                (":path", "/index.html"),
                HOST,
                ("custom-key", "custom-value"),
            ]),
        ];
        for ((got, ok), want) in got.into_iter().zip(want) {
            assert!(ok);
            assert_eq!(got, want);
        }
    }
}

#[test]
fn what_came_before_is_unknown_and_what_came_since_is_known() {
    let mut d = Decoder::default();
    let (got, _) = decode(&mut d, REQUESTS[0][1], true);
    assert_eq!(got[3], None, "the authority was inserted before");
    assert_eq!(got[4], fields(&[("cache-control", "no-cache")])[0]);
    let (got, _) = decode(&mut d, b"\xbe\xbf\xc0", true);
    assert_eq!(got, [got[0].clone(), None, None]);
    assert_eq!(got[0], fields(&[("cache-control", "no-cache")])[0]);
    // A new value under a name that is not known takes a place, too.
    let (got, _) = decode(&mut d, b"\x7f\x00\x01x\xbe\xbf", true);
    let want = fields(&[("cache-control", "no-cache")]);
    assert_eq!(got, [None, None, want[0].clone()]);
}

#[test]
fn a_loss_moves_what_was_known() {
    let mut d = Decoder::default();
    decode(&mut d, REQUESTS[0][0], true);
    d.lose();
    let (got, ok) = decode(&mut d, b"\xbe\x40\x01a\x01b\xbe\xbf", true);
    assert!(ok);
    let b = fields(&[("a", "b")])[0].clone();
    assert_eq!(got, [None, b.clone(), b, None]);
}

#[test]
fn a_cut_block_gives_its_beginning_and_makes_the_table_unknown() {
    let mut d = Decoder::default();
    let block = REQUESTS[0][0];
    let (got, ok) = decode(&mut d, &block[..9], false);
    assert!(ok);
    assert_eq!(got.len(), 3);
    decode(&mut d, block, true);
    let (got, _) = decode(&mut d, &block[..3], false);
    assert_eq!(got.len(), 3);
    assert_eq!(decode(&mut d, b"\xbe", true).0, [None]);
}

#[test]
fn broken_blocks_are_refused() {
    for block in [
        &b"\x80"[..],
        b"\x40",
        b"\x40\x05a",
        b"\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x81\xff\x01a",
        b"\x7f",
    ] {
        let mut d = Decoder::default();
        decode(&mut d, b"\x40\x01a\x01b", true);
        let (_, ok) = decode(&mut d, block, true);
        assert!(!ok, "{block:x?}");
        assert_eq!(decode(&mut d, b"\xbe", true).0, [None], "{block:x?}");
    }
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut d = Decoder::default();
    decode(&mut d, b"\x40\x01a\x01b", true);
    let mut block = b"\x40\x01l\x7f\xa1\x1f".to_vec();
    block.extend([b'x'; 4000 + 128]);
    block.extend(b"\x40\x01c\x01d\xbe\xbf");
    let (got, ok) = decode(&mut d, &block, true);
    assert!(ok);
    assert_eq!(got[2..], [fields(&[("c", "d")]), vec![None]].concat());
}

#[test]
fn the_static_table_is_the_one_everybody_has() {
    let mut d = Decoder::default();
    let mut reference = httlib_hpack::Decoder::default();
    for index in 1..=61_u8 {
        let mut want = Vec::new();
        reference
            .decode(&mut vec![0x80 | index], &mut want)
            .unwrap();
        let want: Vec<_> = want.into_iter().map(|(n, v, _)| Some((n, v))).collect();
        assert_eq!(decode(&mut d, &[0x80 | index], true).0, want);
    }
    assert_eq!(decode(&mut d, &[0x80 | 62], true).0, [None]);
}

#[test]
fn a_glance_tells_requests_from_responses() {
    for request in REQUESTS.concat() {
        assert_eq!(glance(request, true), Glance::Request);
        for cut in 1..request.len() {
            assert_eq!(glance(&request[..cut], false), Glance::Request);
        }
    }
    assert_eq!(glance(b"\x88\xbe", true), Glance::Response);
    assert_eq!(glance(b"\x40\x07:status\x03200", true), Glance::Response);
    assert_eq!(glance(b"\xbe\xbf", true), Glance::May);
    for not in [
        &b""[..],
        b"\x80",
        b"\x88\x82",
        b"\x40\x03A:b\x01x",
        b"\x5f\x01x\x82",
        b"GET / HTTP/1.1\r\n",
    ] {
        assert_eq!(glance(not, true), Glance::Not, "{not:x?}");
    }
}

#[test]
fn a_block_of_references_to_a_long_entry_costs_little() {
    let mut d = Decoder::default();
    let mut block = b"\x40\x01a\x7f\x81\x1e".to_vec();
    block.extend([b'x'; 3840 + 128]);
    block.extend(vec![0xbe; 60_000]);
    let (got, ok) = decode(&mut d, &block, true);
    assert!(ok);
    assert_eq!(got.len(), MOST_FIELDS);
}

/// A field and how it is to be encoded.
fn any_field() -> impl Strategy<Value = (Field, u8)> {
    let name = prop_oneof![
        4 => prop::sample::select(vec![
            ":path", ":authority", "content-type", "cookie", "x-a", "x-b", "traceparent", "grpc-status",
        ]).prop_map(|n| n.as_bytes().to_vec()),
        1 => "[a-z-]{1,12}".prop_map(String::into_bytes),
    ];
    let value = prop_oneof![
        6 => "[a-c]{0,2}".prop_map(String::into_bytes),
        3 => "[ -~]{0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (1000_usize..6000).prop_map(|n| vec![b'v'; n]),
    ];
    let how = prop_oneof![
        4 => Just(Encoder::WITH_INDEXING | Encoder::BEST_FORMAT),
        1 => Just(Encoder::BEST_FORMAT),
        1 => Just(Encoder::NEVER_INDEXED),
        1 => Just(Encoder::WITH_INDEXING),
    ];
    ((name, value), how, 0..4_u8).prop_map(|(field, how, huffman)| (field, how | huffman))
}

type Block = (Option<u32>, Vec<(Field, u8)>);

fn any_blocks() -> impl Strategy<Value = Vec<Block>> {
    let size = prop::option::weighted(
        0.2,
        prop::sample::select(vec![0, 40, 100, 500, 4096, 20_000, 65_536]),
    );
    let block = (size, prop::collection::vec(any_field(), 1..12));
    prop::collection::vec(block, 1..12)
}

fn encode(blocks: &[Block]) -> Vec<(Vec<u8>, Vec<Option<Field>>)> {
    let mut encoder = Encoder::default();
    blocks
        .iter()
        .map(|(size, fields)| {
            let mut bytes = Vec::new();
            if let Some(size) = size {
                encoder.update_max_dynamic_size(*size, &mut bytes).unwrap();
            }
            for ((name, value), how) in fields {
                encoder
                    .encode((name.clone(), value.clone(), *how), &mut bytes)
                    .unwrap();
            }
            (bytes, fields.iter().map(|(f, _)| Some(f.clone())).collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn from_the_start_all_is_known(blocks in any_blocks()) {
        let mut d = Decoder::default();
        for (bytes, want) in encode(&blocks) {
            let (got, ok) = decode(&mut d, &bytes, true);
            prop_assert!(ok);
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn joined_or_after_a_loss_nothing_is_invented(
        blocks in any_blocks(), join in 0..6_usize, lose in 0..6_usize, missing in 1..3_usize, cut in 0..200_usize,
    ) {
        let mut d = Decoder::default();
        let lost = join + lose..join + lose + missing;
        for (i, (bytes, want)) in encode(&blocks).into_iter().enumerate().skip(join) {
            if lost.contains(&i) {
                d.lose();
                continue;
            }
            let whole = i != lost.end || cut >= bytes.len();
            let seen = if whole { &bytes[..] } else { &bytes[..cut] };
            let (got, ok) = decode(&mut d, seen, whole);
            prop_assert!(ok);
            prop_assert!(got.len() <= want.len());
            prop_assert!(!whole || got.len() == want.len());
            for (got, want) in got.iter().zip(&want) {
                prop_assert!(got.is_none() || got == want, "{:?} is not {:?}", got, want);
            }
        }
    }

    #[test]
    fn any_bytes_are_bounded(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..20)) {
        let mut d = Decoder::default();
        for (i, block) in blocks.iter().enumerate() {
            decode(&mut d, block, i % 3 != 0);
            glance(block, i % 2 == 0);
            if i % 5 == 0 {
                d.allow(usize::MAX);
            }
            prop_assert!(d.memory() < 256 << 10);
        }
    }
}
