//! Arguments arrive as they are, whatever they are.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::help::{run, run_with};

/// Bytes of which many mean something to somebody.
fn bytes(zero: bool) -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(b" \t\n\r'\"\\$`*?[]{}()<>|&;#~!%=-/.\x7F\xFF\xC3".to_vec());
    vec(prop_oneof![special, any::<u8>()], 0..24)
        .prop_map(move |bytes| bytes.into_iter().filter(|byte| zero || *byte != 0).collect())
}

/// What a program prints that is run directly.
fn direct(words: &[OsString]) -> Vec<u8> {
    Command::new("printf").arg("<%s>").args(words).output().unwrap().stdout
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lines_as_by_direct_exec(lines in vec(bytes(false), 1..8)) {
        let input: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([0])).collect();
        let words: Vec<_> = lines.into_iter().map(OsString::from_vec).collect();
        let output = run_with(["-q", "-k", "-0", "printf", "<%s>"], &input);
        prop_assert_eq!(&output.stdout, &direct(&words));
        let output = run_with(["-q", "-k", "-0", "--shell", "printf '<%s>' {}"], &input);
        prop_assert_eq!(&output.stdout, &direct(&words));
    }

    #[test]
    fn words_as_by_direct_exec(
        fixed in vec(bytes(false), 0..4),
        words in vec(bytes(false), 1..5),
    ) {
        // Placeholders are the one thing that is not left as it is.
        let has_brace = |word: &Vec<u8>| word.contains(&b'{');
        prop_assume!(!fixed.iter().any(has_brace));
        prop_assume!(words.iter().chain(&fixed).all(|word| word != b":::"));
        let fixed: Vec<_> = fixed.into_iter().map(OsString::from_vec).collect();
        let words: Vec<_> = words.into_iter().map(OsString::from_vec).collect();
        let command = ["-q", "-k", "--", "printf", "<%s>"].map(OsStr::new);
        let arguments = command.into_iter().chain(fixed.iter().map(OsString::as_os_str));
        let arguments = arguments.chain([OsStr::new("a{}b"), OsStr::new(":::")]);
        let output = run(arguments.chain(words.iter().map(OsString::as_os_str)));
        let mut expected = Vec::new();
        for word in &words {
            let inside = [b"a", word.as_bytes(), b"b"].concat();
            let all: Vec<_> = fixed.iter().cloned().chain([OsString::from_vec(inside)]).collect();
            expected.extend(direct(&all));
        }
        prop_assert_eq!(output.stdout, expected);
    }
}
