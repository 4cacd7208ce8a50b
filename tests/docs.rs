//! Every public function says what it costs, and every public future what cancelling it does.
//!
//! A function is public if it is `pub fn`, is not hidden from the docs, and belongs to something that
//! can be reached: a type that is declared `pub` in a public module, or that a `pub use` passes on.
//! The same goes for functions outside of any `impl`, and for types that implement `Future`.
//!
//! The test reads the text, and relies on the format of rustfmt: an item ends with a brace in the
//! column where it begins.

mod source;

use source::{File, files};
use std::collections::{BTreeMap, BTreeSet};

const COST: &str = "# Cost";
const CANCEL: &str = "# Cancel safety";

#[test]
fn every_public_function_has_a_cost_section() {
    let api = Api::read(&files(&["src", "adapters"]));
    assert!(api.functions.len() >= 24, "only {} functions found", api.functions.len());
    api.functions.iter().for_each(|function| println!("{function:?}"));
    let missing = api.without_cost();
    assert!(missing.is_empty(), "no `{COST}` section:\n{}", missing.join("\n"));
}

#[test]
fn every_public_future_has_a_cancel_safety_section() {
    let api = Api::read(&files(&["src", "adapters"]));
    assert!(api.futures.len() >= 4, "only {} futures found", api.futures.len());
    let missing = api.without_cancel_safety();
    assert!(missing.is_empty(), "no `{CANCEL}` section:\n{}", missing.join("\n"));
}

/// What a user can call and wait for.
struct Api {
    functions: Vec<Function>,
    /// Types, and functions that return a future which has no name.
    futures: BTreeMap<String, Docs>,
}

#[derive(Clone, Debug)]
struct Function {
    /// Path, line and name.
    place: String,
    /// The type that it belongs to, or else its own name.
    owner: String,
    docs: Docs,
    nameless_future: bool,
}

#[derive(Clone, Debug, Default)]
struct Docs {
    text: Vec<String>,
    hidden: bool,
}

impl Docs {
    fn has(&self, section: &str) -> bool {
        self.text.iter().any(|line| line == section)
    }
}

impl Api {
    fn read(files: &[File]) -> Self {
        let parsed: Vec<_> = files.iter().map(|file| (file, Parsed::read(file))).collect();
        let exported: BTreeSet<&String> =
            parsed.iter().flat_map(|(_, parsed)| &parsed.exports).collect();
        let open: BTreeSet<Vec<&str>> = parsed
            .iter()
            .flat_map(|(file, parsed)| {
                parsed.modules.iter().map(|module| [passed_on(file), vec![module]].concat())
            })
            .collect();
        let is_open = |file: &File| {
            let modules = passed_on(file);
            (1..=modules.len()).all(|end| open.contains(&modules[..end]))
        };

        let mut reachable: BTreeSet<&String> = exported;
        for (file, parsed) in &parsed {
            if is_open(file) {
                reachable.extend(
                    parsed.types.iter().filter(|(_, docs)| !docs.hidden).map(|(name, _)| name),
                );
                reachable.extend(parsed.functions.iter().map(|function| &function.owner).filter(
                    |owner| {
                        // A function outside of any `impl` is its own owner.
                        !parsed.types.contains_key(*owner) && !owner.starts_with(char::is_uppercase)
                    },
                ));
            }
        }

        let public = |name: &String| name.starts_with('$') || reachable.contains(name);
        let functions: Vec<_> = parsed
            .iter()
            .flat_map(|(_, parsed)| &parsed.functions)
            .filter(|function| public(&function.owner))
            .cloned()
            .collect();
        let mut futures: BTreeMap<_, _> = functions
            .iter()
            .filter(|function| function.nameless_future)
            .map(|function| (function.place.clone(), function.docs.clone()))
            .collect();
        for (file, parsed_file) in &parsed {
            for name in parsed_file.futures.iter().filter(|name| public(name)) {
                let declared = parsed.iter().find_map(|(_, parsed)| parsed.types.get(name));
                futures.insert(
                    format!("{}: {name}", file.path),
                    declared.cloned().unwrap_or_default(),
                );
            }
        }
        Self { functions, futures }
    }

    fn without_cost(&self) -> Vec<&str> {
        let missing = self.functions.iter().filter(|function| !function.docs.has(COST));
        missing.map(|function| &*function.place).collect()
    }

    fn without_cancel_safety(&self) -> Vec<&str> {
        self.futures
            .iter()
            .filter(|(_, docs)| !docs.has(CANCEL))
            .map(|(place, _)| &**place)
            .collect()
    }
}

/// One file's declarations.
#[derive(Default)]
struct Parsed {
    functions: Vec<Function>,
    types: BTreeMap<String, Docs>,
    /// Types with an `impl Future`.
    futures: BTreeSet<String>,
    /// Modules that it declares as public.
    modules: BTreeSet<String>,
    /// Names in its `pub use` lines.
    exports: BTreeSet<String>,
}

/// What a line stands in.
struct Block {
    /// The line that ends it.
    end: String,
    /// The type, of an `impl`.
    owner: Option<String>,
    hidden: bool,
}

impl Parsed {
    fn read(file: &File) -> Self {
        let mut parsed = Self::default();
        let mut blocks: Vec<Block> = Vec::new();
        let mut docs = Docs::default();
        let mut lines = file.text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            if blocks.last().is_some_and(|block| block.end == line) {
                blocks.pop();
            }
            let start = line.trim_start();
            let indent = &line[..line.len() - start.len()];
            if let Some(doc) = start.strip_prefix("///") {
                docs.text.push(doc.trim().to_owned());
                continue;
            }
            let mut header = start.to_owned();
            while goes_on(&header) {
                let Some((_, next)) = lines.next() else { break };
                header.push(' ');
                header.push_str(next.trim());
            }
            if header.starts_with("#[") {
                docs.hidden |= header.contains("doc(hidden)")
                    || header.contains("cfg(test)")
                    || header.contains("cfg(all(test");
                continue;
            }
            let docs = std::mem::take(&mut docs);
            let hidden = docs.hidden || blocks.last().is_some_and(|block| block.hidden);
            let owner = blocks.last().and_then(|block| block.owner.clone());
            if !hidden {
                parsed.note(&header, owner, docs, &format!("{}:{}", file.path, index + 1));
            }
            let block = [
                "impl",
                "unsafe impl",
                "mod ",
                "pub mod ",
                "pub(crate) mod",
                "macro_rules!",
                "trait",
                "pub trait",
            ];
            if header.ends_with('{') && block.iter().any(|word| header.starts_with(word)) {
                blocks.push(Block {
                    end: format!("{indent}}}"),
                    owner: implementor(&header).map(|(_, name)| name),
                    hidden,
                });
            }
        }
        parsed
    }

    fn note(&mut self, header: &str, owner: Option<String>, docs: Docs, place: &str) {
        if let Some((Some(of), name)) = implementor(header) {
            if of == "Future" {
                self.futures.insert(name);
            }
            return;
        }
        let Some(item) = header.strip_prefix("pub ") else { return };
        let mut words = item
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
            .filter(|word| !word.is_empty());
        if let Some(list) = item.strip_prefix("use ") {
            assert!(
                !list.contains('*') || list.starts_with("adapters::"),
                "{place}: `pub use` of everything"
            );
            self.exports.extend(words.map(str::to_owned));
            return;
        }
        let Some(kind) =
            words.find(|word| !["const", "async", "unsafe", "extern", "C"].contains(word))
        else {
            return;
        };
        let Some(name) = words.next().map(str::to_owned) else { return };
        match kind {
            "struct" | "enum" | "union" | "trait" | "type" => {
                self.types.insert(name, docs);
            }
            "mod" => {
                self.modules.insert(name);
            }
            "fn" => self.functions.push(Function {
                owner: owner.unwrap_or_else(|| name.clone()),
                place: format!("{place}: {name}"),
                nameless_future: item.contains("async fn")
                    || item.contains("-> impl Future")
                    || item.contains("-> impl core::future::Future"),
                docs,
            }),
            _ => {}
        }
    }
}

/// The file's modules as a user sees them: the adapters are passed on flat.
fn passed_on(file: &File) -> Vec<&str> {
    let modules = file.modules();
    modules.strip_prefix(&["adapters"]).map_or(modules.clone(), <[_]>::to_vec)
}

/// Whether an attribute or an item's first line ends on a later one.
fn goes_on(header: &str) -> bool {
    if header.starts_with("#[") {
        return !header.ends_with(']');
    }
    if header.starts_with("pub use ") {
        return !header.ends_with(';');
    }
    let field = header
        .strip_prefix("pub ")
        .is_some_and(|item| item.split(' ').next().unwrap().ends_with(':'));
    let item = ["impl", "unsafe impl", "pub ", "mod "].iter().any(|word| header.starts_with(word));
    item && !field && !header.ends_with(['{', '}', ';'])
}

/// Of an `impl` line: the trait's name, if there is one, and the type's.
fn implementor(header: &str) -> Option<(Option<String>, String)> {
    let rest = header.strip_prefix("unsafe ").unwrap_or(header).strip_prefix("impl")?;
    let rest = if rest.starts_with('<') { &rest[generics(rest)..] } else { rest };
    let (of, name) = match rest.split_once(" for ") {
        Some((of, name)) => (Some(last_name(of)), last_name(name)),
        None => (None, last_name(rest)),
    };
    Some((of, name))
}

/// The length of the leading `<…>`.
fn generics(text: &str) -> usize {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
        before = c;
    }
    panic!("unbalanced: {text}")
}

/// `&'a mut a::b::Name<…>` is `Name`.
fn last_name(path: &str) -> String {
    let path = path.trim().trim_start_matches(['&', '!']).split(['<', '{', '(']).next().unwrap();
    let path = path.split(" where").next().unwrap().trim();
    path.rsplit([' ', ':']).next().unwrap().to_owned()
}

mod finds_what_it_looks_for {
    use super::*;

    const ROOT: &str = "pub mod door;\nmod inner;\npub use inner::{Outer, make};\n";

    fn api(inner: &str) -> Api {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        Api::read(&[file("src/lib.rs", ROOT), file("src/inner.rs", inner)])
    }

    #[track_caller]
    fn counts(api: &Api, functions: usize, without_cost: usize) {
        let found: Vec<_> = api.functions.iter().map(|function| &function.place).collect();
        assert_eq!((found.len(), api.without_cost().len()), (functions, without_cost), "{found:?}");
    }

    #[test]
    fn a_method_with_and_without_the_section() {
        let with = "impl<T> Outer<T> {\n    /// Text.\n    ///\n    /// # Cost\n    /// None.\n    #[inline]\n    pub const fn go(&self) {}\n}\n";
        counts(&api(with), 1, 0);
        counts(&api(&with.replace("# Cost", "# Costs")), 1, 1);
        counts(&api(&with.replace("    /// # Cost\n", "")), 1, 1);
    }

    #[test]
    fn a_function_that_can_be_reached() {
        counts(&api("/// Text.\npub fn make() {}\n"), 1, 1);
        counts(&api("pub fn make() {}\n"), 1, 1);
        counts(
            &api(
                "/// # Cost\npub fn make(\n    a: u8,\n    b: u8,\n) {\n}\n/// Text.\npub fn unnamed() {}\n",
            ),
            1,
            0,
        );
        counts(&api("/// Text.\npub(crate) fn make() {}\n"), 0, 0);
        counts(&api("/// Text.\n#[doc(hidden)]\npub fn make() {}\n"), 0, 0);
        counts(&api("impl Private {\n    pub fn go(&self) {}\n}\n"), 0, 0);
        counts(&api("#[cfg(test)]\nmod tests {\n    pub fn make() {}\n}\n"), 0, 0);
    }

    #[test]
    fn the_sections_of_neighbours_do_not_count() {
        let first = "impl Outer {\n    /// # Cost\n    /// None.\n    pub fn first(&self) {\n        go()\n    }\n\n";
        counts(
            &api(&format!(
                "{first}    /// Text.\n    pub fn second(\n        &self,\n    ) -> u8 {{\n        1\n    }}\n}}\n"
            )),
            2,
            1,
        );
        counts(&api(&format!("{first}    pub fn second(&self) {{}}\n}}\n")), 2, 1);
    }

    #[test]
    fn whatever_the_shape_of_the_impl() {
        for header in [
            "impl Outer {",
            "impl<'a, T: Into<Vec<u8>>, const N: usize> Outer<'a, T> {",
            "impl<F: Fn() -> u8> Outer<F>\nwhere\n    F: Send,\n{",
            "impl<T> $name<T> {",
            "impl<T> crate::inner::Outer<T> {",
        ] {
            counts(
                &api(&format!("{header}\n    /// Text.\n    pub unsafe fn go(&self) {{}}\n}}\n")),
                1,
                1,
            );
        }
    }

    #[test]
    fn everything_that_is_public_in_a_public_module() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let door =
            "pub fn open() {}\npub struct Door;\nimpl Door {\n    pub fn shut(&self) {}\n}\n";
        let api = Api::read(&[file("src/lib.rs", ROOT), file("src/door/mod.rs", door)]);
        counts(&api, 2, 2);
        let api = Api::read(&[file("src/lib.rs", ROOT), file("src/door/hidden.rs", door)]);
        counts(&api, 0, 0);
    }

    #[test]
    fn an_adapter_is_passed_on_flat() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let door = "pub struct Door;\nimpl Door {\n    pub fn shut(&self) {}\n}\n";
        let doors = "pub mod door;\nmod hidden;\n";
        let api = |path| Api::read(&[file("adapters/mod.rs", doors), file(path, door)]);
        counts(&api("adapters/door.rs"), 1, 1);
        counts(&api("adapters/hidden.rs"), 0, 0);
    }

    #[test]
    fn a_future_with_and_without_the_section() {
        let text = "/// Text.\n///\n/// # Cancel safety\n/// Yes.\npub struct Outer<'a> {\n    x: &'a u8,\n}\nimpl Future for Outer<'_> {\n}\n";
        let with = api(text);
        assert_eq!((with.futures.len(), with.without_cancel_safety().len()), (1, 0));
        let without = api(&text.replace("# Cancel safety", "# Safety"));
        assert_eq!(without.without_cancel_safety(), ["src/inner.rs: Outer"]);
        assert!(api(&text.replace("Outer", "Private")).futures.is_empty());
    }

    #[test]
    fn a_future_without_a_name() {
        let text = "/// # Cost\npub fn make() -> impl Future<Output = u8> {\n}\n";
        assert_eq!(api(text).without_cancel_safety(), ["src/inner.rs:2: make"]);
        assert!(api(&text.replace("# Cost", "# Cancel safety")).without_cancel_safety().is_empty());
        assert_eq!(api("/// Text.\npub async fn make() {\n}\n").without_cancel_safety().len(), 1);
    }
}
