//! Which file of a package uses which.
//!
//! A file uses the file that declares what it names, in an import or in a path. Re-exports are followed
//! to the declaration: a file that names `store::Snapshot` uses `store/snapshot.rs`, and `pub use` alone
//! is no use. If the `mod.rs` counted as the file that is used, every folder whose files share a type
//! would be a circle, and one between files that name each other by re-exports would not be found.
//!
//! Two things are not seen: calls of methods, which name no file, and code that only tests have, which
//! may name what is above it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// The names of modules and items from the root of the package to what a path leads to.
type ItemPath = Vec<String>;

/// The files of a package, by their paths from its sources.
pub(super) struct Files(BTreeMap<PathBuf, File>);

#[derive(Default)]
struct File {
    module: ItemPath,
    /// The files of the modules that it declares.
    children: BTreeMap<String, PathBuf>,
    macros: BTreeSet<String>,
    /// What it imports, by the name that it has here.
    imports: BTreeMap<String, Import>,
    /// The other paths that stand in it.
    paths: BTreeSet<Vec<String>>,
}

struct Import {
    path: Vec<String>,
    is_public: bool,
}

/// The files that each file uses, with the names of what it uses of them.
pub(super) type Uses<'a> = BTreeMap<&'a Path, BTreeMap<&'a Path, BTreeSet<String>>>;

impl Files {
    /// Reads the package whose root is the file `root` in the directory `src`.
    pub(super) fn read(src: &Path, root: &str) -> Self {
        let mut files = Self(BTreeMap::new());
        files.add(src, Path::new(root), Vec::new());
        files
    }

    fn add(&mut self, src: &Path, path: &Path, module: ItemPath) {
        let text =
            fs::read_to_string(src.join(path)).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut scan = Scan::new(module.clone());
        scan.tokens(tokens);
        let Scan { mut file, declared, .. } = scan;
        file.module = module;
        let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "main" | "mod") => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        for name in declared {
            let beside = folder.join(format!("{name}.rs"));
            let inside = folder.join(&name).join("mod.rs");
            let child = if src.join(&beside).exists() { beside } else { inside };
            self.add(src, &child, [file.module.as_slice(), std::slice::from_ref(&name)].concat());
            file.children.insert(name, child);
        }
        self.0.insert(path.to_owned(), file);
    }

    pub(super) fn uses(&self) -> Uses<'_> {
        let mut uses = Uses::new();
        for (path, file) in &self.0 {
            let used = uses.entry(path.as_path()).or_default();
            let private = file.imports.values().filter(|import| !import.is_public);
            for named in private.map(|import| &import.path).chain(&file.paths) {
                let Some((declaring, item)) =
                    file.absolute(named).map(|path| self.declaring(&path))
                else {
                    continue;
                };
                // A module that is imported is used by the paths that begin with it.
                if let Some(item) = item.filter(|_| declaring != path) {
                    used.entry(declaring).or_default().insert(item);
                }
            }
        }
        uses
    }

    /// The file that declares an item, and the item's name; no name if the path leads to a module.
    fn declaring(&self, path: &[String]) -> (&Path, Option<String>) {
        let (root, _) = self.0.iter().find(|(_, file)| file.module.is_empty()).unwrap();
        let mut declaring = root;
        for (index, name) in path.iter().enumerate() {
            let file = &self.0[declaring];
            if let Some(child) = file.children.get(name) {
                declaring = child;
                continue;
            }
            let imported = file.imports.get(name).and_then(|import| file.in_module(&import.path));
            // A module with a body imports from the file around it.
            let imported = imported.filter(|imported| *imported != path[..=index]);
            if let Some(imported) = imported {
                return self.declaring(&[imported.as_slice(), &path[index + 1..]].concat());
            }
            // An exported macro is at the root, whichever file declares it.
            let of_macro =
                self.0.iter().find(|(_, file)| declaring == root && file.macros.contains(name));
            return (of_macro.map_or(declaring, |(path, _)| path), Some(name.clone()));
        }
        (declaring, None)
    }

    /// Circles: files of which each uses the next, and the last the first. A file stands in one of them
    /// at most, so there may be others until these are opened.
    pub(super) fn circles(&self) -> Vec<String> {
        let uses = self.uses();
        let mut circles = Vec::new();
        let mut known = BTreeSet::new();
        for &start in uses.keys() {
            let Some(circle) = shortest_circle(start, &uses).filter(|_| !known.contains(start))
            else {
                continue;
            };
            let next = circle.iter().cycle().skip(1);
            let steps = circle.iter().zip(next).map(|(file, next)| {
                format!("{} uses {:?} of {}", file.display(), uses[file][next], next.display())
            });
            circles.push(steps.collect::<Vec<_>>().join("\n"));
            known.extend(circle);
        }
        circles
    }
}

/// The shortest way from a file to itself.
fn shortest_circle<'a>(start: &'a Path, uses: &Uses<'a>) -> Option<Vec<&'a Path>> {
    let mut before: BTreeMap<&Path, &Path> = BTreeMap::new();
    let mut reached = VecDeque::from([start]);
    while let Some(file) = reached.pop_front() {
        for &used in uses[file].keys() {
            if used == start {
                let back = std::iter::successors(Some(file), |file| before.get(file).copied());
                let mut circle: Vec<&Path> = back.collect();
                circle.reverse();
                return Some(circle);
            }
            if let Entry::Vacant(entry) = before.entry(used) {
                entry.insert(file);
                reached.push_back(used);
            }
        }
    }
    None
}

impl File {
    /// The path from the root, unless it is one of another package, or a local name.
    fn absolute(&self, path: &[String]) -> Option<ItemPath> {
        let imported = |first: &String| self.in_module(&self.imports.get(first)?.path);
        self.in_module(path).or_else(|| {
            let (first, rest) = path.split_first()?;
            Some([imported(first)?.as_slice(), rest].concat())
        })
    }

    /// The same for a path that begins at the root or with a module of this file, as imports do.
    fn in_module(&self, path: &[String]) -> Option<ItemPath> {
        let (first, rest) = path.split_first()?;
        match self.children.contains_key(first) {
            true => Some([self.module.as_slice(), path].concat()),
            false => (first == "crate").then(|| rest.to_vec()),
        }
    }
}

/// Collects what one file declares, imports and names.
struct Scan {
    file: File,
    /// The file's module, and the modules with bodies in it that the scan is in.
    modules: ItemPath,
    /// The modules that have files of their own.
    declared: Vec<String>,
}

impl Scan {
    fn new(modules: ItemPath) -> Self {
        Self { file: File::default(), modules, declared: Vec::new() }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut is_public = false;
        while let Some((token, after)) = rest.split_first() {
            let mut follows_pub = false;
            rest = match (word(token).as_str(), after) {
                ("#", [TokenTree::Group(attribute), after @ ..])
                    if is_of_tests(attribute.stream()) =>
                {
                    after_item(after)
                }
                ("pub", [TokenTree::Group(reach), after @ ..]) if is_reach(reach) => {
                    follows_pub = true;
                    after
                }
                ("pub", after) => {
                    follows_pub = true;
                    after
                }
                ("mod", [TokenTree::Ident(name), TokenTree::Group(body), after @ ..]) => {
                    self.modules.push(name.to_string());
                    self.tokens(body.stream());
                    self.modules.pop();
                    after
                }
                ("mod", [TokenTree::Ident(name), after @ ..]) => {
                    self.declared.push(name.to_string());
                    after
                }
                ("macro_rules", [_, TokenTree::Ident(name), after @ ..]) => {
                    self.file.macros.insert(name.to_string());
                    after
                }
                ("use", after) => {
                    let end =
                        after.iter().position(|token| word(token) == ";").unwrap_or(after.len());
                    self.import(&after[..end], &[], is_public);
                    &after[end..]
                }
                (_, after) => match token {
                    TokenTree::Group(group) => {
                        self.tokens(group.stream());
                        after
                    }
                    TokenTree::Ident(_) => {
                        let (names, after) = names(rest);
                        self.file.paths.extend(self.without_super(names));
                        after
                    }
                    _ => after,
                },
            };
            is_public = follows_pub;
        }
    }

    /// Takes one tree of an import, whose names follow those of `start`.
    fn import(&mut self, tree: &[TokenTree], start: &[String], is_public: bool) {
        let (names, rest) = names(tree);
        let mut path = [start, &names].concat();
        if let [TokenTree::Group(group)] = rest {
            let trees: Vec<TokenTree> = group.stream().into_iter().collect();
            for tree in trees.split(|token| word(token) == ",") {
                self.import(tree, &path, is_public);
            }
            return;
        }
        // `{self}` is the module itself.
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let alias = match rest {
            [_, alias] => Some(word(alias)),
            _ => path.last().cloned(),
        };
        if let (Some(alias), Some(path)) = (alias, self.without_super(path)) {
            self.file.imports.insert(alias, Import { path, is_public });
        }
    }

    /// The path from the root if it begins with `self` or `super`; `None` for such a word alone.
    fn without_super(&self, names: Vec<String>) -> Option<Vec<String>> {
        let supers = names.iter().take_while(|name| *name == "super").count();
        let here = supers.max(names.iter().take(1).filter(|name| *name == "self").count());
        if here == names.len() {
            return None;
        }
        if here == 0 {
            return Some(names);
        }
        let parents = &self.modules[..self.modules.len() - supers];
        Some([&["crate".to_owned()], parents, &names[here..]].concat())
    }
}

/// The names of the path that begins here, and what follows it. That of a macro's `$crate` begins with
/// `crate`, since the `$` is a token of its own.
fn names(tokens: &[TokenTree]) -> (Vec<String>, &[TokenTree]) {
    let mut names = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(name), after @ ..] = rest {
        names.push(name.to_string());
        rest = after;
        match rest {
            [TokenTree::Punct(first), TokenTree::Punct(second), after @ ..]
                if (first.as_char(), second.as_char()) == (':', ':')
                    && first.spacing() == Spacing::Joint =>
            {
                rest = after;
            }
            _ => break,
        }
    }
    (names, rest)
}

fn word(token: &TokenTree) -> String {
    match token {
        TokenTree::Ident(name) => name.to_string(),
        TokenTree::Punct(punct) => punct.to_string(),
        _ => String::new(),
    }
}

/// Whether the parentheses after `pub` say for whom it is, and are not a tuple.
fn is_reach(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    let first = first.map(|token| word(&token)).unwrap_or_default();
    group.delimiter() == Delimiter::Parenthesis
        && matches!(first.as_str(), "crate" | "super" | "self" | "in")
}

/// Whether an attribute is `cfg(test)`, or `test` is the first of several conditions.
fn is_of_tests(attribute: TokenStream) -> bool {
    let attribute: String = attribute.to_string().split_whitespace().collect();
    attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,")
}

/// What follows the item that begins here.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => word(token) == ";",
    };
    let end = tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1);
    &tokens[end..]
}
