use super::*;

#[test]
fn the_schema_has_every_key_with_its_meaning() {
    let schema = schema::<Sample>();
    let sender = schema.pointer("/$defs/Sender/properties").unwrap();
    assert_eq!(
        sender.pointer("/server/description").unwrap(),
        "Host and port of a server."
    );
    assert_eq!(sender.pointer("/timeout/type").unwrap(), "string");
    assert_eq!(
        schema.pointer("/description").unwrap(),
        "What the agent does."
    );
}

#[test]
fn the_page_describes_every_key() {
    let page = markdown::<Sample>("Configuration of the sample");
    assert_eq!(
        page,
        "# Configuration of the sample

What the agent does.

| key | type | default | meaning |
|---|---|---|---|
| `labels` | names, each with: text | `{\"team\":\"none\"}` | Labels of the host. |
| `listeners` | list of: keys as below | `[]` | Addresses to listen on. |
| `listeners[].port` | a whole number from 0 to 65535 | (required) | Port to listen on. |
| `name` | text | `agent` | Name of this agent. |
| `share` | a number | `0.5` | A share from 0 to 1. |

## capture

What is captured.

| key | type | default | meaning |
|---|---|---|---|
| `capture.cpu` | a whole number from 0 to 4294967295, or empty | (empty) | Which CPU. |
| `capture.interfaces` | list of: text | `[\"lo\"]` | Interfaces to capture on. |
| `capture.mode` | `local` or `mirror` | `local` | How. |
| `capture.snap_len` | a whole number from 0 to 65535 | `65535` | Bytes kept of a packet. |

## proxy

Proxy | none.

| key | type | default | meaning |
|---|---|---|---|
| `proxy.url` | text | (empty) | Its address. |

## sender

Where rows go.

| key | type | default | meaning |
|---|---|---|---|
| `sender.compress` | `true` or `false` | `true` | Compress. |
| `sender.queue` | a number of bytes like `65536`, `64KiB`, `16MiB` or `2GB` | `64MiB` | Limit of what waits. |
| `sender.server` | text | `127.0.0.1:20033` | Host and port of a server. |
| `sender.timeout` | a duration like `300ms`, `5s`, `10m`, `1h` or `off` | `5s` | Time without answer after which a connection is given up. |
"
    );
}
