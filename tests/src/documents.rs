//! Documents of the repository whose tables name tests: the cells of a table, the names in them, and the tests there are.
//!
//! Owns what `compatibility.rs` and `hazards.rs` both read; what a table has to say is theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use testkit::repository;

/// Folders whose Rust files have the tests.
const FOLDERS: [&str; 3] = ["crates", "tests", "examples"];

/// The cells of a line of a table; none where it is not one, or the rule under its head.
#[must_use]
pub fn cells(line: &str) -> Option<Vec<String>> {
    // An escaped bar is text. No cell has the character that stands for it meanwhile.
    let line = line.trim().replace("\\|", "\u{1}");
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    let is_rule = inside.chars().all(|c| "|-: ".contains(c));
    (!is_rule).then(|| inside.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect())
}

/// What stands in backticks.
#[must_use]
pub fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A test as it stands in a source.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedTest {
    /// The function's name.
    pub name: String,
    /// The lines of comment directly above its attributes, without their slashes, joined.
    pub comment: String,
}

/// The tests in a Rust file: each function that follows a test attribute, also inside a macro such as `proptest!`.
#[must_use]
pub fn tests_in(source: &str) -> Vec<NamedTest> {
    let mut tests = Vec::new();
    let mut comment = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        // `test`, `tokio::test`, `tokio::test(start_paused = true)`; a line that goes on is a string, as below.
        let attribute = line
            .strip_prefix("#[")
            .filter(|_| line.ends_with(']'))
            .map(|rest| rest.split(['(', ']']).next().unwrap_or(rest));
        if attribute.is_some_and(|path| path == "test" || path.ends_with("::test")) {
            is_test = true;
        } else if let Some(text) = line.strip_prefix("//").filter(|_| !is_test) {
            comment.push(text.trim_start_matches('/').trim());
        } else if let Some(name) = function_name(line).filter(|_| is_test) {
            tests.push(NamedTest { name: name.to_owned(), comment: comment.join(" ") });
            comment.clear();
            is_test = false;
        } else if !is_test && attribute.is_none() {
            comment.clear();
        }
    }
    tests
}

/// The name, if the line begins a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_function =
        before.split_whitespace().all(|word| ["async", "const"].contains(&word) || word.starts_with("pub"));
    is_function.then(|| after.split(['(', '<']).next().unwrap_or(after).trim())
}

/// All tests of the repository by name, with the comments of those that have it.
///
/// # Panics
/// Where the sources cannot be read.
#[must_use]
pub fn tests_of_the_repository() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        collect_tests(&repository().join(folder), &mut found);
    }
    found
}

fn collect_tests(folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry.expect("so can its entries").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !["target", "node_modules"].contains(&&*name) {
                collect_tests(&path, found);
            }
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).expect("a source is text");
            for NamedTest { name, comment } in tests_in(&source) {
                found.entry(name).or_default().push(comment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_under_any_test_attribute_and_nothing_else_is_one() {
        let source = "\
            // R1, S2: why\n/// it is there.\n#[test]\nfn plain() {}\n\
            #[tokio::test(start_paused = true)]\n#[expect(\n    lint,\n    reason = \"fn no() is none\"\n)]\nasync fn paused() {}\n\
            // Of a constant.\nconst ONE: u8 = 1;\n\
            proptest! {\n    #[test]\n    fn property(x in any::<u8>()) {}\n}\n\
            fn other() {}\n\
            // #[test]\nfn commented() {}\n\
            #[cfg(test)]\nmod tests {\n    fn inside() {}\n}\n\
            const TEXT: &str = \"#[test]\\nfn quoted() {}\";\n";
        let found: Vec<_> = tests_in(source).into_iter().map(|test| (test.name, test.comment)).collect();
        let expected = [("plain", "R1, S2: why it is there."), ("paused", ""), ("property", "")];
        assert_eq!(found, expected.map(|(name, comment)| (name.to_owned(), comment.to_owned())));
    }

    #[test]
    fn the_tests_of_the_repository_are_those_of_all_its_folders() {
        let tests = tests_of_the_repository();
        let here = "the_tests_of_the_repository_are_those_of_all_its_folders";
        assert_eq!(tests.get(here).map(Vec::len), Some(1));
        assert!(!tests.contains_key("quoted") && !tests.contains_key("commented"), "those in strings are none");
    }
}
