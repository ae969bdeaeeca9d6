//! The habits of this project that a tool can check, checked on the tree as it is.
//!
//! These are the rules of ARCHITECTURE.md and CONTRIBUTING.md that neither the compiler nor clippy knows: which crate
//! may depend on which, how long a file and a function may be, what a file opens with, and that every invariant in
//! ARCHITECTURE.md names a test or lint that exists. A rule is a function from text to complaints, so that each is
//! itself tested on a text that breaks it.
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::repository;

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 60;

/// Crates that may use only these other crates of the workspace. A crate that is not listed stands above them all.
const ARROWS: [(&str, &[&str]); 6] = [
    ("testkit", &[]),
    ("engineio-proto", &[]),
    ("socketio-proto", &["engineio-proto"]),
    ("engineio", &["engineio-proto"]),
    ("socketio-cluster", &["engineio-proto", "socketio-proto"]),
    ("socketio", &["engineio-proto", "socketio-proto", "engineio", "socketio-cluster"]),
];

/// Programs and packages of tests, on which nothing depends in any way.
const TOPS: [&str; 5] = ["socketio-cli", "soak", "xtask", "socketio-tests", "socketio-examples"];

/// Crates without I/O.
const PROTO_CRATES: [&str; 3] = ["engineio-proto", "socketio-proto", "socketio-cluster"];

// ---------------------------------------------------------------------------------------------- the dependency rule

/// What `cargo metadata` says: for each package, the packages it needs and in which way.
struct Graph {
    /// Package id to name.
    names: BTreeMap<String, String>,
    members: BTreeSet<String>,
    /// Package id to the ids it needs; `true` where it is a dependency of the package itself, not of its tests.
    edges: BTreeMap<String, Vec<(String, bool)>>,
}

impl Graph {
    fn parse(metadata: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone().into_iter();
        let names = list(&metadata["packages"]).map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let members = list(&metadata["workspace_members"]).map(|id| text(&id)).collect();
        let mut edges = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let needs = list(&node["deps"]).map(|dep| {
                let is_own = list(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev");
                (text(&dep["pkg"]), is_own)
            });
            edges.insert(text(&node["id"]), needs.collect());
        }
        Self { names, members, edges }
    }

    fn name(&self, id: &str) -> &str {
        &self.names[id]
    }

    fn member(&self, name: &str) -> &str {
        let member = self.members.iter().find(|id| self.name(id) == name);
        member.unwrap_or_else(|| panic!("the workspace has no crate `{name}`"))
    }

    /// Names of everything that the member is built with, not counting what only its tests need.
    fn all_below(&self, member: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.member(member)];
        while let Some(id) = open.pop() {
            for (needed, _) in self.edges[id].iter().filter(|(_, is_own)| *is_own) {
                if seen.insert(needed.as_str()) {
                    open.push(needed);
                }
            }
        }
        seen.into_iter().map(|id| self.name(id)).collect()
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for name in PROTO_CRATES {
            let impure = self.all_below(name).into_iter().filter(|needed| is_impure(needed));
            complaints.extend(impure.map(|needed| format!("{name} is built with {needed}")));
        }
        for id in &self.members {
            let name = self.name(id);
            let allowed = ARROWS.iter().find(|(of, _)| *of == name).map(|(_, allowed)| *allowed);
            for (needed, is_own) in self.edges[id].iter().filter(|(needed, _)| self.members.contains(needed)) {
                let needed = self.name(needed);
                let is_outside = *is_own && allowed.is_some_and(|allowed| !allowed.contains(&needed));
                if is_outside || TOPS.contains(&needed) {
                    complaints.push(format!("{name} depends on {needed}"));
                }
            }
        }
        complaints
    }
}

/// Whether a crate brings a runtime, waiting, or randomness.
fn is_impure(name: &str) -> bool {
    const NAMES: [&str; 8] = ["tokio", "hyper", "futures", "rand", "getrandom", "fastrand", "mio", "smol"];
    const PREFIXES: [&str; 5] = ["tokio-", "hyper-", "futures-", "async-", "rand_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn output_of(command: &mut Command) -> String {
    let output = command.current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The graph for this machine's target: crates for other systems need not have been downloaded.
fn metadata() -> Value {
    let version = output_of(Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["metadata", "--format-version=1", "--all-features", "--filter-platform", host]);
    serde_json::from_str(&output_of(&mut cargo)).unwrap()
}

#[test]
fn dependencies_point_left_and_down_and_the_protocol_crates_are_pure() {
    assert_none(&Graph::parse(&metadata()).complaints());
}

#[test]
fn a_dependency_against_the_rule_is_noticed() {
    let package = |name: &str| serde_json::json!({"id": name, "name": name});
    let needs = |id: &str, pkg: &str, kind: Option<&str>| serde_json::json!({"id": id, "deps": [{"pkg": pkg, "dep_kinds": [{"kind": kind}]}]});
    let names =
        ["engineio-proto", "socketio-proto", "engineio", "socketio-cluster", "xtask", "innocent", "tokio-util", "rand"];
    let metadata = serde_json::json!({
        "packages": names.map(package),
        "workspace_members": ["engineio-proto", "socketio-proto", "engineio", "socketio-cluster", "xtask"],
        "resolve": {"nodes": [
            needs("engineio-proto", "innocent", None),
            needs("innocent", "tokio-util", None),
            needs("tokio-util", "rand", Some("dev")),
            needs("socketio-proto", "engineio", None),
            needs("socketio-cluster", "rand", None),
            needs("engineio", "xtask", Some("dev")),
            needs("xtask", "engineio", None),
            needs("rand", "rand", None),
        ]}
    });
    let expected = [
        "engineio-proto is built with tokio-util",
        "socketio-cluster is built with rand",
        "engineio depends on xtask",
        "socketio-proto depends on engineio",
    ];
    assert_eq!(Graph::parse(&metadata).complaints(), expected);
}

/// Crates that others were attacked through, and the first version of each in which that is repaired.
const REPAIRED: [(&str, [u32; 3]); 5] = [
    // Framing of HTTP/1 that two servers read differently: RUSTSEC-2021-0078 and 0079.
    ("hyper", [0, 14, 10]),
    // RUSTSEC-2023-0034, RUSTSEC-2024-0003, RUSTSEC-2024-0332.
    ("h2", [0, 4, 4]),
    // An endless loop over what a client says: RUSTSEC-2024-0336.
    ("rustls", [0, 23, 5]),
    // RUSTSEC-2023-0065.
    ("tungstenite", [0, 20, 1]),
    // RUSTSEC-2023-0001.
    ("tokio", [1, 23, 1]),
];

/// S27, S36, S40 to S44, S41, S42, S43: by the lock file, so that no update goes back behind a repair.
#[test]
fn what_was_attacked_elsewhere_is_here_in_a_version_that_is_repaired() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    for (name, repaired) in REPAIRED {
        let used: Vec<_> = packages.iter().filter(|package| package["name"] == name).collect();
        assert!(!used.is_empty(), "{name} is not used any more: take it out of this test");
        for package in used {
            let version = package["version"].as_str().unwrap();
            let numbers: Vec<u32> = version.split(['.', '-', '+']).take(3).map(|part| part.parse().unwrap()).collect();
            assert!(numbers.as_slice() >= repaired.as_slice(), "{name} {version} is older than {repaired:?}");
        }
    }
}

/// S35, S36, S37: frames are read and written by code of this project, whose limits are its own; tungstenite judges tests.
#[test]
fn no_other_websocket_library_is_in_what_users_get() {
    let graph = Graph::parse(&metadata());
    for member in ["engineio", "socketio", "socketio-cli"] {
        let below = graph.all_below(member);
        assert!(below.contains("hyper"), "{member} is built with something");
        let strange = below.iter().filter(|name| name.contains("tungstenite") || name.contains("websocket"));
        assert_eq!(strange.count(), 0, "{member}: {below:?}");
    }
}

/// S30, S20: no crate has code that the compiler does not answer for, and arithmetic that overflows is no number in a release either.
#[test]
fn every_crate_forbids_unsafe_code_and_a_release_checks_for_overflow() {
    let workspace = document("Cargo.toml");
    let section = |name: &str| workspace.split(&format!("[{name}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
    assert!(section("workspace.lints.rust").contains("unsafe_code = \"forbid\""));
    assert!(section("profile.release").contains("overflow-checks = true"));
    // These are workspaces of their own.
    let is_apart = |path: &str| ["bench/", "fuzz/"].iter().any(|folder| path.starts_with(folder));
    for own in ["bench/Cargo.toml", "fuzz/Cargo.toml"] {
        assert!(document(own).contains("unsafe_code = \"forbid\""), "{own} allows unsafe code");
    }
    let is_crate = |path: &str| path.ends_with("/Cargo.toml") && !is_apart(path);
    let manifests = files_with_extension("toml");
    let crates: Vec<_> = manifests.iter().filter(|file| is_crate(&file.path)).collect();
    assert!(crates.len() >= 10, "{}", crates.len());
    for file in crates {
        assert!(file.text.contains("[lints]\nworkspace = true"), "{} lacks the lints of the workspace", file.path);
    }
}

// -------------------------------------------------------------------------------------------------- rules for files

struct SourceFile {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

/// Every file of the repository with this extension, without what is built or installed.
fn files_with_extension(extension: &str) -> Vec<SourceFile> {
    let root = repository();
    let mut paths = Vec::new();
    collect(&root, extension, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no .{extension} file found");
    let read = |path: PathBuf| SourceFile {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !["target", "node_modules", ".git"].contains(&&*name) {
                collect(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Whether it is a source file of a crate, to which the limits of size apply.
fn is_in_crate(file: &SourceFile) -> bool {
    file.path.starts_with("crates/") && file.path.split('/').nth(2) == Some("src")
}

/// Whether the whole file is tests.
fn is_test_file(file: &SourceFile) -> bool {
    let mut parts = file.path.split('/').skip(3);
    parts.any(|part| ["tests", "tests.rs"].contains(&part) || part.ends_with("_tests.rs"))
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Runs a rule over all Rust files.
fn assert_all_files(rule: impl Fn(&SourceFile) -> Vec<String>) {
    let complaints = |file: SourceFile| {
        let complaints = rule(&file);
        complaints.into_iter().map(move |complaint| format!("{}: {complaint}", file.path))
    };
    assert_none(&files_with_extension("rs").into_iter().flat_map(complaints).collect::<Vec<_>>());
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn every_file_opens_with_what_it_is() {
    assert_all_files(|file| match file.text.starts_with("//! ") {
        true => Vec::new(),
        false => vec!["does not open with `//!`".to_owned()],
    });
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    assert_all_files(|file| {
        let lines = file.text.lines().count();
        let is_long = is_in_crate(file) && lines > LONGEST_FILE;
        is_long.then(|| format!("has {lines} lines, which is more than {LONGEST_FILE}")).into_iter().collect()
    });
}

#[test]
fn every_file_is_named_for_what_it_defines() {
    const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "types", "helper", "helpers", "misc"];
    assert_all_files(|file| {
        let stems = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
        let empty = stems.filter(|stem| EMPTY_NAMES.contains(stem));
        empty.map(|name| format!("the name `{name}` says nothing")).collect()
    });
}

/// Marks of unfinished work. Put together here so that this file has none.
fn marks() -> [String; 5] {
    [["TO", "DO"], ["FIX", "ME"], ["to", "do!"], ["unimpl", "emented!"], ["#[ig", "nore"]].map(|parts| parts.concat())
}

fn unfinished(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().zip(1..);
    let find = |(line, number): (&str, usize)| {
        let mark = marks().into_iter().find(|mark| line.contains(mark))?;
        Some(format!("line {number} has `{mark}`"))
    };
    lines.filter_map(find).collect()
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    assert_all_files(unfinished);
    for mark in marks() {
        assert_eq!(unfinished(&file("a.rs", &format!("//! x\n  {mark}"))), [format!("line 2 has `{mark}`")]);
    }
}

// -------------------------------------------------------------------------------------------- the length of functions

/// Functions of more than 60 lines, outside tests, in text that rustfmt has laid out: a function ends with the first
/// line of its own indentation that closes it.
fn long_functions(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut complaints = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        if lines[start].trim() == "#[cfg(test)]" {
            start = end_of_item(&lines, start + 1) + 1;
            continue;
        }
        if let Some(name) = function_name(lines[start]) {
            let length = end_of_item(&lines, start) + 1 - start;
            if length > LONGEST_FUNCTION {
                complaints.push(format!("line {}: `{name}` has {length} lines", start + 1));
            }
        }
        start += 1;
    }
    complaints
}

/// The index of the last line of the item that begins at `start`.
fn end_of_item(lines: &[&str], start: usize) -> usize {
    let Some(first) = lines.get(start) else { return start };
    if first.ends_with([';', '}']) {
        return start;
    }
    let closes = |line: &str| indentation(line) == indentation(first) && line.ends_with([';', '}']);
    (start + 1..lines.len()).find(|index| closes(lines[*index])).unwrap_or(lines.len() - 1)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name, if the line begins a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let is_qualifier = |word: &str| {
        ["const", "async", "unsafe", "default", "extern"].contains(&word) || word.starts_with("pub") || word == "\"C\""
    };
    // `pub(in path)` is the one qualifier with a space in it.
    let is_function = before.split_whitespace().all(|word| is_qualifier(word) || word.ends_with(')'));
    is_function.then(|| after.split(['(', '<']).next().unwrap_or(after))
}

#[test]
fn no_function_is_longer_than_60_lines() {
    assert_all_files(|file| if is_in_crate(file) && !is_test_file(file) { long_functions(file) } else { Vec::new() });
}

#[test]
fn a_long_function_is_noticed_wherever_it_stands() {
    let body = |lines: usize| "        x();\n".repeat(lines);
    let method = |head: &str, lines: usize| format!("impl A {{\n    {head}\n{}    }}\n}}\n", body(lines));
    let long = |text: &str| long_functions(&file("crates/a/src/a.rs", text)).len();

    assert_eq!(long(&method("fn a() {", 58)), 0, "exactly 60 lines");
    assert_eq!(long(&method("fn a() {", 59)), 1);
    assert_eq!(long(&method("pub(crate) async fn a<T>(", 59)), 1);
    assert_eq!(long(&method("fn a(\n        b: u8,\n    ) -> u8\n    where\n        u8: Copy,\n    {", 56)), 1);
    assert_eq!(long(&format!("trait A {{\n    fn a();\n{}}}\n", "    fn b();\n".repeat(90))), 0);
    assert_eq!(long(&format!("#[cfg(test)]\nmod tests {{\n    fn a() {{\n{}    }}\n}}\n", body(90))), 0);
    assert_eq!(long(&format!("#[cfg(test)]\nmod tests;\n{}", method("fn a() {", 90))), 1, "after the tests");
    assert_eq!(long(&method("let call = |fn_name: u8| {", 90)), 0, "not a function");
}

// -------------------------------------------------------------------------------------------- documents and their word

fn document(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_has_the_two_commands() {
    let readme = document("README.md");
    for command in ["cargo xtask serve", "cargo xtask test"] {
        assert!(readme.contains(command), "README.md does not name `{command}`");
    }
    assert!(document(".ci/run").contains("cargo xtask test"), ".ci/run does not run the README's test command");
}

#[test]
fn the_protocol_crates_forbid_clocks_randomness_threads_and_sockets() {
    const FORBIDDEN: [&str; 6] = [
        "std::time::Instant::now",
        "std::time::SystemTime::now",
        "std::thread::sleep",
        "std::thread::spawn",
        "std::hash::RandomState",
        "std::net::TcpStream",
    ];
    for name in PROTO_CRATES {
        let path = format!("crates/{name}/clippy.toml");
        let lints = document(&path);
        for item in FORBIDDEN {
            assert!(lints.contains(&format!("path = \"{item}\"")), "{path} does not forbid `{item}`");
        }
    }
}

/// The paragraphs that begin with `INVARIANT:`, each as one line.
fn invariants(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        if let Some((_, sentence)) = line.split_once("INVARIANT:") {
            found.push(sentence.trim().to_owned());
            is_inside = true;
        } else if line.trim().is_empty() {
            is_inside = false;
        } else if let Some(last) = found.last_mut().filter(|_| is_inside) {
            *last += " ";
            *last += line.trim();
        }
    }
    found
}

/// The names in backticks inside the parentheses that end an invariant.
fn named_checks(invariant: &str) -> Vec<&str> {
    let parentheses = invariant.trim_end_matches('.').strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    parentheses.map_or_else(Vec::new, |(_, names)| names.split('`').skip(1).step_by(2).collect())
}

/// Whether the text has a test of this name: a function with a test attribute above it.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let is_attribute = |line: &str| line.starts_with("#[") || line.starts_with("//");
    (0..lines.len()).filter(|index| function_name(lines[*index]) == Some(name)).any(|index| {
        let above = lines[..index].iter().rev().map(|line| line.trim()).take_while(|line| is_attribute(line));
        above.into_iter().any(|line| line.starts_with("#[") && line.contains("test"))
    })
}

/// Whether the configuration sets a lint of this name; clippy.toml writes names with `-`.
fn has_lint(text: &str, name: &str) -> bool {
    let name = name.trim_start_matches("clippy::");
    let is_key = |line: &str| line.split_once('=').is_some_and(|(key, _)| key.trim().replace('-', "_") == name);
    text.lines().any(is_key)
}

#[test]
fn every_invariant_names_a_test_or_lint_that_exists() {
    let sources = files_with_extension("rs");
    let settings = files_with_extension("toml");
    let exists = |name: &str| {
        sources.iter().any(|file| has_test(&file.text, name)) || settings.iter().any(|file| has_lint(&file.text, name))
    };
    let invariants = invariants(&document("ARCHITECTURE.md"));
    assert!(!invariants.is_empty(), "ARCHITECTURE.md has no INVARIANT line");
    let mut complaints = Vec::new();
    for invariant in &invariants {
        let names = named_checks(invariant);
        if names.is_empty() {
            complaints.push(format!("does not end with (`a_test_or_lint`): {invariant}"));
        }
        let unknown = names.into_iter().filter(|name| !exists(name));
        complaints.extend(unknown.map(|name| format!("there is no test or lint `{name}`: {invariant}")));
    }
    assert_none(&complaints);
}

#[test]
fn an_invariant_is_read_with_the_checks_it_names() {
    let text =
        "- INVARIANT: one thing\n  holds (`a_test`, `a_lint`).\n\nOther (`words`).\nINVARIANT: no name (at all)\n";
    let found = invariants(text);
    assert_eq!(found, ["one thing holds (`a_test`, `a_lint`).", "no name (at all)"]);
    assert_eq!(named_checks(&found[0]), ["a_test", "a_lint"]);
    assert!(named_checks(&found[1]).is_empty());

    assert!(has_test("#[tokio::test]\n// Why.\nasync fn a_test() {", "a_test"));
    assert!(!has_test("#[inline]\nfn a_test() {", "a_test"));
    assert!(!has_test("#[test]\nfn other() {\n}\n\nfn a_test() {", "a_test"));
    assert!(has_lint("unsafe_code = \"forbid\"", "unsafe_code"));
    assert!(has_lint("disallowed-methods = [", "clippy::disallowed_methods"));
    assert!(!has_lint("# unsafe_code", "unsafe_code"));
}
