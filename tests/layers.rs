//! The layers of the crate: which module may name which.

mod source;

use source::{File, files, has_word};

/// From the bottom up. A module may name modules of lower layers, and itself.
const LAYERS: &[&[&str]] = &[
    &["sync", "time", "config"],
    &["panic", "runtime", "stats"],
    &["ring", "cells", "control", "runner"],
    &["mailbox", "job"],
    &["latch", "trace"],
    &["cancel"],
    &["workers", "retry", "timer", "map"],
    &["pool", "herd"],
    &["tasks", "group"],
];

/// What runs futures; only adapters may name one.
const RUNTIMES: &[&str] =
    &["tokio", "smol", "async_executor", "async_std", "embassy", "embassy_executor"];

/// Where shared state comes from; only `src/sync.rs` may name them, as `crate::sync` stands for all.
const SHARED: &[&str] = &[
    "sync::atomic",
    "AtomicBool",
    "AtomicU32",
    "AtomicU64",
    "AtomicUsize",
    "AtomicPtr",
    "portable_atomic",
    "portable_atomic_util",
    "loom",
    "shuttle",
    "UnsafeCell",
    "Mutex",
    "RwLock",
    "Condvar",
];

/// The one line by which the core takes in its adapters.
const DOOR: &str = "#[path = \"../adapters/mod.rs\"]";

#[test]
fn each_module_names_lower_layers_only() {
    let core = files(&["src"]);
    let roots = root_names(&core);
    let faults: Vec<_> = core.iter().flat_map(|file| upward(file, &roots)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let modules = core.iter().filter(|file| !file.modules().is_empty()).count();
    assert!(modules >= 5, "only {modules} files have been looked at");
}

#[test]
fn the_core_names_no_runtime() {
    let mut files = files(&["src"]);
    // It shows the README if there are the runtimes that its programs run on.
    files.retain(|file| file.path != "src/lib.rs");
    refuse(&files, RUNTIMES, "names a runtime");
}

#[test]
fn shared_state_comes_from_sync_alone() {
    let mut files = files(&["src", "adapters"]);
    let before = files.len();
    files.retain(|file| file.path != "src/sync.rs");
    assert_eq!(files.len(), before - 1, "src/sync.rs has moved");
    refuse(&files, SHARED, "names shared state; use crate::sync");
}

#[test]
fn the_core_takes_in_its_adapters_by_one_line() {
    let mut paths = Vec::new();
    for file in files(&["src", "adapters"]) {
        for (number, line) in file.code() {
            if line.contains("#[path") {
                paths.push(format!("{}: {}", file.path, line.trim()));
            }
            let root = file.path == "src/lib.rs"
                && ["mod adapters;", "pub use adapters::*;", DOOR].contains(&line.trim());
            let inside = file.path.starts_with("adapters/");
            assert!(
                root || inside || !has_word(line, "adapters"),
                "{}:{number}: names adapters",
                file.path
            );
        }
    }
    assert_eq!(paths, [format!("src/lib.rs: {DOOR}")]);
}

/// The names that the crate's root passes on, and the modules that they come from.
fn root_names(core: &[File]) -> Vec<(String, String)> {
    let root = core.iter().find(|file| file.path == "src/lib.rs").unwrap();
    let text: String = root.code().iter().flat_map(|(_, line)| [line.trim(), " "]).collect();
    let mut names = Vec::new();
    for export in text.split("pub use ").skip(1) {
        let export = export.split(';').next().unwrap().trim_start_matches("crate::");
        let (module, rest) = export.split_once("::").unwrap();
        for name in rest.split([',', '{', '}', ':', ' ']).filter(|name| !name.is_empty()) {
            names.push((name.to_owned(), module.to_owned()));
        }
    }
    names
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Where the file names a module of its own layer or above, or one that has no layer.
fn upward(file: &File, roots: &[(String, String)]) -> Vec<String> {
    let modules = file.modules();
    let Some(&own) = modules.first() else { return Vec::new() };
    let mut faults = Vec::new();
    let Some(own_layer) = layer(own) else {
        return vec![format!("{}: `{own}` stands in no layer of tests/layers.rs", file.path)];
    };
    for (number, line) in file.code() {
        for name in named(line, modules.len() == 1) {
            let module =
                roots.iter().find(|(root, _)| root == name).map_or(name, |(_, module)| module);
            let allowed = module == own
                || match layer(module) {
                    Some(layer) => layer < own_layer,
                    // A macro of the root, or a name that does not exist.
                    None => false,
                };
            if !allowed {
                faults.push(format!("{}:{number}: `{own}` may not name `{name}`", file.path));
            }
        }
    }
    faults
}

/// The first names after `crate::`, and after a leading `super::` where that is the crate's root.
fn named(line: &str, below_root: bool) -> Vec<&str> {
    let mut starts: Vec<_> = line.match_indices("crate::").map(|(at, _)| at + 7).collect();
    if below_root && line.starts_with("use super::") {
        starts.push("use super::".len());
    }
    let names = starts.into_iter().flat_map(|start| {
        let rest = &line[start..];
        match rest.strip_prefix('{') {
            Some(list) => list.split(", ").collect(),
            None => vec![rest],
        }
    });
    let end = |c: char| !c.is_alphanumeric() && c != '_';
    names.map(|name| name.split(end).next().unwrap()).filter(|name| !name.is_empty()).collect()
}

fn refuse(files: &[File], words: &[&str], fault: &str) {
    let found = occurrences(files, words);
    assert!(found.is_empty(), "{fault}:\n{}", found.join("\n"));
}

fn occurrences(files: &[File], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in file.code() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                found.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    found
}

mod finds_what_it_looks_for {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_name_of_a_higher_layer() {
        let roots = [("ConfigError".to_owned(), "config".to_owned())];
        let faults = |path, text| upward(&file(path, text), &roots).len();
        assert_eq!(faults("src/ring.rs", "use crate::sync::Word;\nuse crate::ConfigError;\n"), 0);
        assert_eq!(faults("src/ring.rs", "use crate::mailbox::Sender;\n"), 1);
        assert_eq!(faults("src/ring.rs", "use crate::cells::Cell;\n"), 1, "a neighbour");
        assert_eq!(faults("src/ring.rs", "use super::mailbox::Sender;\n"), 1);
        assert_eq!(faults("src/ring.rs", "use crate::{sync, pool};\n"), 1);
        assert_eq!(faults("src/ring.rs", "// crate::mailbox\n"), 0);
        assert_eq!(
            faults("src/ring.rs", "#[cfg(test)]\nmod tests {\n    use crate::mailbox;\n}\n"),
            0
        );
        assert_eq!(faults("src/mailbox/error.rs", "use super::Mailbox;\nuse crate::mailbox;\n"), 0);
        assert_eq!(faults("src/mailbox/error.rs", "let x = crate::pool::Pool::new();\n"), 1);
        assert_eq!(faults("src/novelty.rs", ""), 1);
        assert_eq!(faults("src/lib.rs", "pub use pool::Pool;\n"), 0);
    }

    #[test]
    fn a_forbidden_word() {
        let text = "use core::sync::atomic::AtomicU64;\nlet tokio_like = 1;\n// tokio\nuse ::tokio::spawn;\n";
        let files = [file("src/x.rs", text)];
        assert_eq!(occurrences(&files, RUNTIMES), ["src/x.rs:4: tokio"]);
        assert_eq!(
            occurrences(&files, SHARED),
            ["src/x.rs:1: sync::atomic", "src/x.rs:1: AtomicU64"]
        );
    }
}
