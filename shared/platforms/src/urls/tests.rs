use proptest::prelude::*;

use super::*;

fn check(link: &str, platform: &str, kind: &str, id: Option<&str>) {
    let found = recognise(link);
    assert_eq!((found.platform, found.kind, found.id.as_deref()), (platform, kind, id), "{link}");
}

#[test]
fn links_of_every_platform() {
    for (link, platform, kind, id) in [
        ("https://www.youtube.com/watch?feature=a&v=abcDEF12_-3", "youtube", "video", Some("abcDEF12_-3")),
        ("https://youtu.be/abcDEF12_-3?t=9", "youtube", "video", Some("abcDEF12_-3")),
        ("https://www.youtube-nocookie.com/embed/abcDEF12_-3", "youtube", "video", Some("abcDEF12_-3")),
        ("https://youtube.com/v/abcDEF12_-3&rel=0", "youtube", "video", Some("abcDEF12_-3")),
        ("https://WWW.YouTube.com./shorts/abcDEF12_-3", "youtube", "short", Some("abcDEF12_-3")),
        ("https://www.youtube.com/live/abcDEF12_-3?si=x", "youtube", "live", Some("abcDEF12_-3")),
        ("https://www.youtube.com/clip/Ugkx0123", "youtube", "clip", Some("Ugkx0123")),
        ("https://www.youtube.com/@somebody", "youtube", "collection", None),
        ("https://www.youtube.com/watch?v=short", "youtube", "collection", None),
        ("https://www.twitch.tv/somebody/videos/123456", "twitch", "vod", Some("123456")),
        ("https://clips.twitch.tv/embed?clip=GoodClip-ab_1", "twitch", "clip", Some("GoodClip-ab_1")),
        ("https://player.twitch.tv/?channel=somebody", "twitch", "channel", Some("somebody")),
        ("https://www.twitch.tv/somebody/clips?range=7d", "twitch", "channel_clips", Some("somebody")),
        ("https://www.twitch.tv/directory/all", "twitch", "page", None),
        ("https://www.tiktok.com/embed/1234567890123456789", "tiktok", "video", Some("1234567890123456789")),
        ("https://m.tiktok.com/v/1234567890123456789.html", "tiktok", "video", Some("1234567890123456789")),
        ("https://vt.tiktok.com/ZSabc/", "tiktok", "short_link", Some("ZSabc")),
        ("https://www.instagram.com/somebody/reel/Cabc-1/", "instagram", "post", Some("Cabc-1")),
        ("https://instagr.am/p/Cabc_1", "instagram", "post", Some("Cabc_1")),
        ("https://www.instagram.com/share/reel/BAab1", "instagram", "short_link", Some("BAab1")),
        ("https://x.com/some_body/status/1234567890/video/1", "x", "post", Some("1234567890")),
        ("https://t.co/AbC123", "x", "short_link", Some("AbC123")),
        ("https://vxtwitter.com/a/status/12", "x", "post_mirror", Some("12")),
        ("https://x.com/somebody", "x", "profile", Some("somebody")),
        ("https://www.reddit.com/user/somebody/comments/1abc/title/", "reddit", "post", Some("1abc")),
        ("https://reddit.com/comments/1abc", "reddit", "post", Some("1abc")),
        ("https://www.reddit.com/r/rust/", "reddit", "subreddit", Some("rust")),
        ("https://kick.com/somebody?clip=clip_01ABC", "kick", "clip", Some("clip_01ABC")),
        ("https://kick.com/somebody", "kick", "channel", Some("somebody")),
        (
            "https://media.discordapp.net/attachments/1/2/a.txt?ex=1",
            "discord",
            "attachment",
            Some("1/2/a.txt"),
        ),
        ("https://show.example/podcast/feed/", "web", "feed_candidate", None),
        ("https://news.example/a", "web", "page", None),
    ] {
        check(link, platform, kind, id);
    }
}

#[test]
fn look_alikes_are_other_sites() {
    for link in [
        "https://youtube.com.other.example/watch?v=abcDEF12_-3",
        "https://notyoutube.com/watch?v=abcDEF12_-3",
        "https://other.example/youtube.com/watch?v=abcDEF12_-3",
        "https://other.example/?u=https://youtu.be/abcDEF12_-3",
        "https://other.example#@youtube.com/watch?v=abcDEF12_-3",
        "https://xn--yutube-wqf.com/watch?v=abcDEF12_-3",
        "https://yоutube.com/watch?v=abcDEF12_-3",
        "https://twitch.tv.other.example/videos/1",
        "https://kick.community/somebody",
        "https://netflix.com/title/1",
    ] {
        check(link, "web", "page", None);
    }
    for link in ["https://a@youtube.com/", "https://youtube.com:x/", "https://", "youtube.com/watch", ""] {
        check(link, "reject", "invalid_or_userinfo", None);
    }
    for link in ["ftp://youtube.com/", "javascript:alert(1)", "file:///etc/hosts", "data:,a"] {
        check(link, "reject", "scheme", None);
    }
    // A link of attribution leads nowhere else.
    check(
        "https://youtube.com/attribution_link?u=https://other.example/watch?v=abcDEF12_-3",
        "youtube",
        "collection",
        None,
    );
}

#[test]
fn links_to_moments() {
    let moments = |link: &str| time_link(&recognise(link));
    let video = "https://www.youtube.com/watch?v=abcDEF12_-3&t={seconds}s";
    assert_eq!(moments("https://youtu.be/abcDEF12_-3").as_deref(), Some(video));
    let vod = "https://www.twitch.tv/videos/12?t={seconds}s";
    assert_eq!(moments("https://www.twitch.tv/a/v/12").as_deref(), Some(vod));
    assert_eq!(moments("https://news.example/"), None);
}

proptest! {
    #[test]
    fn any_text_is_answered(link in "(https?://)?[a-z0-9.@:/?=&#%_-]{0,60}") {
        let _ = recognise(&link);
    }

    #[test]
    fn only_hosts_under_a_domain_are_its_platform(
        before in "[a-z0-9-]{1,12}",
        after in "\\.[a-z]{2,6}",
        path in "[a-z0-9/?=]{0,30}",
    ) {
        for site in &SITES {
            for domain in site.domains {
                let joined = recognise(&format!("https://{before}{domain}/{path}"));
                let follows = recognise(&format!("https://{domain}{after}/{path}"));
                prop_assert_eq!(follows.platform, "web");
                let other_site = SITES.iter().any(|site| {
                    site.domains.iter().any(|other| format!(".{before}{domain}").ends_with(&format!(".{other}")))
                });
                prop_assert!(other_site || joined.platform != site.name);
            }
        }
    }
}
