//! Configurations of the target `settings`, by layer.

const FILES: &[&str] = &[
    "name: x\nsection:\n  timeout: 5s\n  queue: 64 MiB\n  flag: false\n  mode: mirror\n  names: [lo, eth0]\n",
    "labels: {team: none, \"a b\": 'c'}\nlist:\n  - port: 80\n  - {port: 443}\nshare: 1e-3\noptional: ~\n",
    "# nothing\n\n",
    "section: &a\n  flag: true\nother: *a\n",
    "nmae: x\nname: y\nname: z\nsection: [1, 2]\nlist: {a: b}\n",
    "{\"name\": \"\\u00e9\\n\", \"share\": .5, \"optional\": 0x10}",
    "name: |\n  two\n  lines\n---\nname: second\n",
    "section: {timeout: 1h30m, queue: 1.5G}\nname: !!str 7\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];
const VARIABLES: &str = "FUZZ_NAME=x\nFUZZ_SECTION__TIMEOUT=10ms\nFUZZ_SECTION__NAMES=a,b,c\nFUZZ_LIST=[{port: 1}]\n\
    FUZZ_LABELS__TEAM=x\nFUZZ_SERVER_PORT=tcp://10.0.0.1:1\nFUZZ_SECTION=\nFUZZ_SECTOIN__FLAG=true\n";
const FLAGS: &str = "name=x\nsection.queue=3k\nlabels.a=b\nlabels={a: b}\noptional=7\noptional=null\nshare=0.25\n\
    section.mode=Mirror\nsection..flag=1\n";

/// Inputs of the target `settings`.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let input = |layer: u8, text: &str| [&[layer], text.as_bytes()].concat();
    let files = FILES.iter().map(|text| input(0, text));
    files
        .chain([input(1, VARIABLES), input(2, FLAGS)])
        .collect()
}
