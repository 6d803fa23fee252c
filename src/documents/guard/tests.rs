use super::*;

/// What Yjs 13.6 makes: each kind of content and of type, formats, what is embedded, gaps, what was collected.
const REAL: [(&str, &str); 10] = [
    (
        "text",
        "01050100040104746578740268658101010384010402207784010614c3b6726c6420f09f918bf09f8fbd0d0a6c696e65c40106010701580101010203",
    ),
    (
        "rich",
        "0114020001010474657874018402000347616e8402030464616c6686020704626f6c64046e756c6c84020805207468652086020d05636f6c6f720622236363632286020e046c697374167b2261223a5b312c322c7b2262223a6e756c6c7d5d7d84020f044772657986021305636f6c6f72046e756c6c860214046c697374046e756c6c850215117b22696d616765223a22782e706e67227d860216066865616465720131840217010a86021806686561646572046e756c6cc10203020401c7021a0204012800021b016b017d01c6021b020404626f6c640474727565460200066974616c69630474727565c6021b021d066974616c6963046e756c6c01020200011a01",
    ),
    (
        "any",
        "010a03002801036d6170016101760d016e7e01757f01747801667901697d05036e65677d45036269677bc33fffffffffffff036633327c3f000000036636347b3fb999999999999a0262697a112210f47de9811501737702c3bc036172727503750075027d0175017d0276000362756674030102032101036d617003693332012801036d61700468756765017b7e37e43c8800759c2801036d6170036e616e017b7ff80000000000002301036d61700362696e01092701036d61700261320008000305037d01770374776f75017d03870308020400030902696e870309010103010101",
    ),
    (
        "xml",
        "010a040007010b70726f73656d6972726f720309706172616772617068070004000604000401016884040201698704010303696d672800040005616c69676e0177046c65667481040001000446040202656d027b7dc60402040302656d046e756c6c0104010605",
    ),
    (
        "subdocument",
        "01010500290104646f6373036f6e652430336136306637632d663665362d346634362d393935342d3131306631356665353637617602086175746f4c6f616478046d657461760101787d0100",
    ),
    (
        "collected",
        "0201ffffffff0f00c406020603014204060004010474657874036f6e658406020874776f74687265650101036172720100010106010b02",
    ),
    ("hole", "0103060004010474657874036f6e650a0384060505746872656500"),
    ("pending", "020107000401047465787401630106038406020374776f00"),
    ("deletion", "000108010102"),
    ("empty", "0000"),
];

pub(in crate::documents) fn real() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let bytes =
        |hex: &str| (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    REAL.iter().map(move |(name, hex)| (*name, bytes(hex)))
}

/// An update of one client whose only block is this, in front of no deletions.
fn with_block(block: &[u8]) -> Vec<u8> {
    [&[1, 1, 1, 0][..], block, &[0]].concat()
}

/// A block of values, in the root `t`.
fn values(content: &[u8]) -> Vec<u8> {
    with_block(&[&[8, 1, 1, b't', 1][..], content].concat())
}

fn refusal(update: &[u8]) -> &'static str {
    let started = std::time::Instant::now();
    let refused = check_update(update).unwrap_err();
    // What it announces would take days, and this no longer on a machine that pauses.
    assert!(started.elapsed() < std::time::Duration::from_secs(1));
    refused.0
}

#[test]
fn what_yjs_makes_is_let_through() {
    for (name, update) in real() {
        assert_eq!(check_update(&update), Ok(()), "{name}");
        for end in 0..update.len() {
            assert!(check_update(&update[..end]).is_err(), "{name} cut at {end}");
        }
        assert_eq!(refusal(&[&update[..], &[0]].concat()), "there is more than there should be", "{name}");
    }
    assert_eq!(check_state_vector(&[2, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Ok(()));
}

#[test]
fn half_a_million_levels_are_refused() {
    let deep = [117, 1].repeat(500_000);
    assert_eq!(refusal(&values(&deep)), "a value is nested too deeply");
    let keys = [118, 1, 1, b'k'].repeat(500_000);
    assert_eq!(refusal(&values(&keys)), "a value is nested too deeply");
    let mut embedded = vec![5, 1, 1, b't'];
    crate::documents::wire::put_bytes(&mut embedded, "[".repeat(500_000).as_bytes());
    assert_eq!(refusal(&with_block(&embedded)), "a value is nested too deeply");
    assert_eq!(check_update(&values(&[[117, 1].repeat(60), vec![126]].concat())), Ok(()));
    // Each is closed before the next is opened.
    assert_eq!(check_update(&values(&[vec![117, 100], [117, 0].repeat(100)].concat())), Ok(()));
}

#[test]
fn what_is_claimed_is_not_believed() {
    let many = [0xff, 0xff, 0xff, 0x7f];
    let claims = "it claims more than it has";
    assert_eq!(refusal(&[&many[..], &[0, 0]].concat()), claims);
    assert_eq!(refusal(&[&[1][..], &many, &[1, 0, 0]].concat()), claims);
    assert_eq!(refusal(&[&[0][..], &many, &[0]].concat()), claims);
    assert_eq!(refusal(&[&[0, 1, 1][..], &many, &[0]].concat()), claims);
    for container in [117, 118, 119, 116] {
        assert_eq!(refusal(&values(&[&[container][..], &many].concat())), claims);
    }
    assert_eq!(refusal(&with_block(&[&[4, 1, 1, b't'][..], &many].concat())), claims);
    assert_eq!(check_state_vector(&many).unwrap_err().0, claims);
}

#[test]
fn clocks_that_overflow_are_refused() {
    let high = [0xff, 0xff, 0xff, 0xff, 0x07];
    let too_high = "a block is empty or its clock too high";
    // Garbage from a high clock on, garbage that is so long, a deletion that ends there.
    assert_eq!(refusal(&[&[1, 1, 1][..], &high, &[0, 1, 0]].concat()), too_high);
    assert_eq!(refusal(&with_block(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f])), too_high);
    assert_eq!(refusal(&with_block(&[0, 0])), too_high);
    assert_eq!(refusal(&[&[0, 1, 1, 1][..], &high, &[1]].concat()), "the clock of a deletion is too high");
    assert_eq!(refusal(&[&[1, 1, 1][..], &[0xff; 9], &[0]].concat()), "a number is too large");
    assert!(check_state_vector(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
    // As JavaScript has it, 53 bits are the most.
    assert_eq!(refusal(&values(&[&[125][..], &[0xff; 7], &[0x20]].concat())), "a number is too large");
    assert_eq!(check_update(&values(&[&[125][..], &[0xff; 7], &[0x1f]].concat())), Ok(()));
}

#[test]
fn what_others_could_not_read_is_refused() {
    // JSON of old, kinds that are none, flags where none belong, a hook, a link, a parent that is none.
    for block in [
        &[2, 1, 1, b't', 1, 1, b'1'][..],
        &[11, 1, 1, b't'],
        &[0x18, 1, 1, b't', 1, 126],
        &[0x20, 1],
        &[0x2a, 1],
        &[7, 1, 1, b't', 5, 1, b'h'],
        &[7, 1, 1, b't', 7, 0, 1, 0],
        &[4, 2, 1, b't', 1, b'a'],
        &[4, 1, 1, b't', 1, 0xff],
    ] {
        assert!(check_update(&with_block(block)).is_err(), "{block:?}");
    }
    assert_eq!(refusal(&[2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0]), "a client comes twice");
    assert_eq!(refusal(&[1, 0, 1, 0, 0]), "a client without blocks");
}
