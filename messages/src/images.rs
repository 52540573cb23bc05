//! Images as people say them: by what differs.

/// An image reference in its parts.
struct Image<'a> {
    registry: Option<&'a str>,
    /// The path without the registry.
    name: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// How many characters of a digest tell it from others.
const DIGITS: usize = 12;

fn parse(image: &str) -> Image<'_> {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let (registry, path) = match rest.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, rest),
    };
    let (name, tag) = match path.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (path, None),
    };
    Image { registry, name, tag, digest }
}

impl Image<'_> {
    /// The version that is in its reference: `1.3.0`, or the beginning of a digest.
    fn version(&self, with_digest: bool) -> String {
        let digest = self.digest.map(|digest| {
            let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
            let hex: String = hex.chars().take(DIGITS).collect();
            if algorithm.is_empty() { hex } else { format!("{algorithm}:{hex}") }
        });
        match (self.tag, digest) {
            (Some(tag), Some(digest)) if with_digest => format!("{tag}@{digest}"),
            (Some(tag), _) => tag.to_owned(),
            (None, Some(digest)) => digest,
            (None, None) => "latest".into(),
        }
    }
}

/// An image without its registry, and with a short digest: `shop/front:1.3.0`.
pub(crate) fn short(image: &str) -> String {
    let parsed = parse(image);
    match (parsed.tag, parsed.digest) {
        (None, None) => parsed.name.to_owned(),
        (None, Some(_)) => format!("{}@{}", parsed.name, parsed.version(true)),
        _ => format!("{}:{}", parsed.name, parsed.version(true)),
    }
}

/// What became of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its name without the registry, such as `shop/front`.
    pub(crate) name: String,
    /// What it was, unless it is new.
    pub(crate) old: Option<String>,
    /// What it is, unless it is gone.
    pub(crate) new: Option<String>,
}

impl Change {
    /// The last part of its name, by which people call it.
    pub(crate) fn called(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// What differs between the images of two versions, in their order.
pub(crate) fn changes(old: &[String], new: &[String]) -> Vec<Change> {
    let mut left: Vec<&String> = old.iter().collect();
    let mut all = Vec::new();
    for image in new {
        // The very same image first, so that of two with one name the right one counts as changed.
        let was = left.iter().position(|o| *o == image);
        let was = was.or_else(|| {
            let free = |o: &&String| !new.contains(o) && parse(o).name == parse(image).name;
            left.iter().position(free)
        });
        match was.map(|at| left.remove(at)) {
            Some(was) if was == image => {}
            Some(was) => all.push(change(was, image)),
            None => all.push(Change {
                name: parse(image).name.to_owned(),
                old: None,
                new: Some(parse(image).version(false)),
            }),
        }
    }
    for image in left {
        let gone = parse(image);
        all.push(Change { name: gone.name.to_owned(), old: Some(gone.version(false)), new: None });
    }
    all
}

fn change(old: &str, new: &str) -> Change {
    let (was, is) = (parse(old), parse(new));
    let name = is.name.to_owned();
    for with_digest in [false, true] {
        let (old, new) = (was.version(with_digest), is.version(with_digest));
        if old != new {
            return Change { name, old: Some(old), new: Some(new) };
        }
    }
    let at = |image: &Image<'_>| image.registry.unwrap_or("the default registry").to_owned();
    if was.registry == is.registry {
        // Digests that begin alike: nobody has seen any, and both are told in full.
        return Change { name, old: Some(old.to_owned()), new: Some(new.to_owned()) };
    }
    Change { name, old: Some(at(&was)), new: Some(format!("{} from {}", is.version(false), at(&is))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &[&str], new: &[&str]) -> String {
        let owned = |images: &[&str]| images.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        let say = |c: Change| format!("{} {:?} {:?}", c.name, c.old.unwrap_or_default(), c.new.unwrap_or_default());
        changes(&owned(old), &owned(new)).into_iter().map(say).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_short_image_has_no_registry_and_keeps_its_name() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for (image, expected) in [
            ("registry.example:5000/shop/front:1.3.0", "shop/front:1.3.0"),
            ("localhost/front", "front"),
            ("shop/front:1.3.0", "shop/front:1.3.0"),
            ("front", "front"),
            ("registry.example:5000/front", "front"),
            ("", ""),
            ("/:@", "/:@"),
        ] {
            assert_eq!(short(image), expected, "{image}");
        }
        assert_eq!(short(&format!("r.example/a/front@{digest}")), "a/front@sha256:0123456789ab");
        assert_eq!(short(&format!("front:1.3.0@{digest}")), "front:1.3.0@sha256:0123456789ab");
    }

    #[test]
    fn only_what_differs_is_told() {
        let old = ["r.example/shop/front:1.2.0", "r.example/proxy:7"];
        assert_eq!(told(&old, &["r.example/shop/front:1.3.0", "r.example/proxy:7"]), r#"shop/front "1.2.0" "1.3.0""#);
        assert_eq!(told(&old, &old), "");
        assert_eq!(told(&old, &[old[0]]), r#"proxy "7" """#);
        assert_eq!(told(&[], &["r.example/shop/front"]), r#"shop/front "" "latest""#);
        let moved = ["s.example/shop/front:1.2.0", "r.example/proxy:7"];
        assert_eq!(told(&old, &moved), r#"shop/front "r.example" "1.2.0 from s.example""#);
    }

    #[test]
    fn one_tag_with_two_digests_is_told_by_the_digests() {
        let of = |hex: char| format!("front:1@sha256:{}", hex.to_string().repeat(64));
        assert_eq!(told(&[&of('a')], &[&of('b')]), r#"front "1@sha256:aaaaaaaaaaaa" "1@sha256:bbbbbbbbbbbb""#);
    }

    #[test]
    fn of_two_containers_with_one_name_the_right_one_has_changed() {
        assert_eq!(told(&["a:1", "a:2"], &["a:2", "a:3"]), r#"a "1" "3""#);
    }
}
