import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contrast, darken, lightness, readColor, readColorFunction, readLegacyColor, writeColor } from "./color.ts";
import { ownResults, readReceived, readResults, readUnsubscribe, readWeight, splitComments } from "./headers.ts";
import { readInvitation } from "./invitation.ts";
import { fromPunycode, isLookalike, namedHost, readTarget, shownHost, shownTarget } from "./links.ts";
import { fileDoubt, nameClaims, shownName, shownText } from "./names.ts";
import { findLinks, flowOf, foldFrom, readPlain } from "./plain.ts";
import rules from "./rules.json";
import { allowsPictures } from "./senders.ts";
import { readStory, reasonsOf, type Rules, smallestChange } from "./story.ts";
import { firstOpen, foldAway } from "./threads.ts";

// ---- Colours ----

test("colours are read in every form that mail has", () => {
	assert.deepEqual(readColor("Red"), { r: 255, g: 0, b: 0, a: 1 });
	assert.deepEqual(readColor("#0f08"), { r: 0, g: 255, b: 0, a: 136 / 255 });
	assert.deepEqual(readColorFunction("rgba", "10%, 20 ,30 / .5"), { r: 26, g: 20, b: 30, a: 0.5 });
	assert.deepEqual(readColorFunction("hsl", "0.5turn 100% 50%"), { r: 0, g: 255, b: 255, a: 1 });
	assert.deepEqual(readLegacyColor("ff0000"), { r: 255, g: 0, b: 0, a: 1 });
	for (const none of ["constructor", "__proto__", "#12", "inherit", ""]) assert.equal(readColor(none), null);
	assert.equal(readColorFunction("rgb", "1,2"), null);
	assert.equal(readColorFunction("rgb", "1,2,url(x)"), null);
});

test("on a dark page any ink can be read on any ground, and what was dark already stays", () => {
	const ground = darken({ r: 255, g: 255, b: 255, a: 1 }, "ground"), steps = [0, 40, 90, 130, 170, 210, 255];
	assert.ok(lightness(ground) < 0.25, writeColor(ground));
	const colours = steps.flatMap((r) => steps.flatMap((g) => steps.map((b) => ({ r, g, b, a: 1 }))));
	const inks = colours.map((one) => darken(one, "ink")), grounds = colours.map((one) => darken(one, "ground"));
	const darkest = (list: typeof inks, by: (a: number, b: number) => boolean) => list.reduce((a, b) => (by(contrast(b, { r: 0, g: 0, b: 0, a: 1 }), contrast(a, { r: 0, g: 0, b: 0, a: 1 })) ? b : a));
	const worst = contrast(darkest(inks, (x, y) => x < y), darkest(grounds, (x, y) => x > y));
	assert.ok(worst >= 2.7, `the darkest ink on the lightest ground: ${worst.toFixed(2)}`);
	for (const ink of inks) assert.ok(contrast(ink, ground) >= 5, `${writeColor(ink)} on the page`);
	assert.deepEqual(darken(readColor("#0b2545")!, "ground"), readColor("#0b2545"));
	assert.deepEqual(darken(readColor("white")!, "ink"), readColor("white"));
});

// ---- Links ----

test("a link says where it really leads", () => {
	const doubts = (href: string, text = "") => readTarget(href, text)?.doubts;
	assert.deepEqual(doubts("https://bank.example/x", "https://www.bank.example/"), []);
	assert.deepEqual(doubts("https://evil.test/x", "www.bank.example"), ["elsewhere"]);
	assert.deepEqual(doubts("https://bank.example.evil.test/", "bank.example"), ["elsewhere"]);
	assert.deepEqual(doubts("https://click.shop.example/r", "shop.example"), []);
	assert.deepEqual(doubts("https://a.co.uk/", "b.co.uk"), ["elsewhere"]);
	assert.deepEqual(doubts("https://bank.example@evil.test/", "click here"), ["user"]);
	assert.deepEqual(doubts("http://2130706433/"), ["number"]);
	assert.deepEqual(doubts("http://[::1]/"), ["number"]);
	assert.deepEqual(doubts("https://xn--80ak6aa92e.com/"), ["lookalike"]);
	assert.deepEqual(doubts("https://pаypal.com/"), ["lookalike"]); // its second letter is Cyrillic
	assert.deepEqual(doubts("https://почта.рф/"), []);
	assert.deepEqual(doubts("https://münchen.de/"), []);
	assert.deepEqual(doubts("https://evil.test/", "Report.pdf"), []);
	assert.equal(readTarget("https://xn--mnchen-3ya.de/", "")?.place, "münchen.de");
});

test("what runs or leads nowhere is no link", () => {
	for (const href of ["javascript:alert(1)", " java\nscript:alert(1)", "\u0001javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "about:blank", "//evil.test", "relative", "", "https://", "http:///", "ftp://x/", "view-source:x", "https:"])
		assert.equal(readTarget(href, ""), null, href);
	assert.equal(readTarget("ht\ntps://a.test/", "")?.href, "https://a.test/");
	assert.equal(readTarget("mailto:a%40b.test?subject=x", "")?.place, "a@b.test");
	assert.equal(readTarget("tel:+1-2;ext=3", "")?.kind, "phone");
	assert.equal(shownTarget(readTarget("https://a.test/%E2%80%AEx", "")!), "a.test/\ufffdx");
});

test("punycode (RFC 3492 §7.1), and what is none", () => {
	assert.equal(fromPunycode("egbpdaj6bu4bxfgehfvwxn"), "ليهمابتكلموشعربي؟");
	assert.equal(fromPunycode("mnchen-3ya"), "münchen");
	assert.equal(fromPunycode("99999999999999"), null);
	assert.equal(shownHost("xn--!!!.test"), "xn--!!!.test");
	assert.equal(namedHost("see https://a.test"), null);
	assert.equal(namedHost("a\u200bb.test"), "ab.test");
	assert.ok(isLookalike("раураl.example") && !isLookalike("example.org"));
});

// ---- Names ----

test("names of files neither turn, nor hide, nor lead anywhere", () => {
	assert.equal(shownName("../../etc/passwd", "x"), "passwd");
	assert.equal(shownName("C:\\Windows\\a.exe", "x"), "a.exe");
	assert.equal(shownName("invoice\u202efdp.exe", "x"), "invoicefdp.exe");
	assert.equal(shownName("<img src=x onerror=alert(1)>.png", "x"), "_img src=x onerror=alert(1)_.png");
	assert.equal(shownName("  \u200b ", "x"), "x");
	assert.equal(shownName(null, "x"), "x");
	assert.equal(shownName(".htaccess", "x"), "htaccess");
	assert.ok(shownName("a".repeat(500) + ".pdf", "x").length === 120 && shownName("a".repeat(500) + ".pdf", "x").endsWith("….pdf"));
	assert.equal(shownText("a\r\nb\u2028c\u0000"), "a b c");
	assert.equal(fileDoubt("a.pdf"), null);
	assert.equal(fileDoubt("setup.EXE"), "program");
	assert.equal(fileDoubt("picture.svg"), "program");
	assert.equal(fileDoubt("a.pdf.exe"), "hidden");
	assert.equal(fileDoubt("a.pdf        .exe"), "hidden");
	assert.equal(fileDoubt("\u202efdp.exe"), "hidden");
	assert.equal(nameClaims("support@bank.example", "x@evil.test"), "support@bank.example");
	assert.equal(nameClaims("a@b.test", "A@B.test"), null);
});

// ---- Plain text ----

test("text that flows is put together (RFC 3676), at each depth by itself", () => {
	const blocks = readPlain("A line that \nflows on.\nThe next.\n>> deep and \n>> deeper\n> one\n-- \nAnn\n", { flowed: true });
	assert.deepEqual(blocks.map(({ kind }) => kind), ["lines", "quote", "signature"]);
	const first = blocks[0]!, quote = blocks[1]!;
	assert.deepEqual(first.kind === "lines" && first.lines.map(({ pieces }) => pieces.map(({ text }) => text).join("")), ["A line that flows on.", "The next."]);
	assert.deepEqual(quote.kind === "quote" && quote.blocks.map(({ kind }) => kind), ["quote", "lines"]);
	const spaces = readPlain("ab \ncd", { flowed: true, delSp: true })[0]!;
	assert.deepEqual(spaces.kind === "lines" && spaces.lines[0]!.pieces, [{ kind: "text", text: "abcd" }]);
	const stuffed = readPlain(" >not quoted\n From me", { flowed: true })[0]!;
	assert.equal(stuffed.kind === "lines" && stuffed.lines[0]!.pieces[0]!.text, ">not quoted");
	assert.deepEqual(flowOf('text/plain; charset=utf-8; Format="flowed"; DelSp=yes'), { flowed: true, delSp: true });
});

test("quotations, signatures and what is folded", () => {
	const blocks = readPlain("Yes.\n\nAnn wrote:\n> > old\n> less old\n\n-- \nBob\n");
	assert.deepEqual(blocks.map(({ kind }) => kind), ["lines", "quote", "signature"]);
	assert.equal(foldFrom(blocks), 1);
	assert.equal(foldFrom(readPlain("> only quoted")), -1);
	assert.equal(foldFrom(readPlain("> a\nanswer below")), -1);
	assert.ok(readPlain("> ".repeat(5000) + "x").length === 1);
	assert.ok(readPlain("x\n".repeat(100_000)).length === 1);
});

test("links end where sentences go on", () => {
	const links = (text: string) => findLinks(text).filter(({ kind }) => kind === "link").map((one) => one.kind === "link" && one.href);
	assert.deepEqual(links("See https://a.test/b(c)d, or (https://e.test/f). And www.g.test!"), ["https://a.test/b(c)d", "https://e.test/f", "https://www.g.test"]);
	assert.deepEqual(links("<mailto:x@y.test> or x.y+z@sub.test."), ["mailto:x@y.test", "mailto:x.y+z@sub.test"]);
	assert.deepEqual(links("javascript:alert(1) data:text/html,x nothing@here a.b"), []);
	assert.equal(findLinks("a https://b.test c").map(({ text }) => text).join(""), "a https://b.test c");
	assert.ok(findLinks(("http://" + "(".repeat(20_000))).length >= 0);
});

// ---- Header ----

const OURS = (more = "") => [
	{ name: "Authentication-Results", value: " mail.example.test;\r\n\tspf=pass (ok; really) smtp.mailfrom=a@shop.example;\r\n\tdkim=pass (good) header.d=shop.example header.b=\"x;y\";\r\n\tdmarc=pass header.from=shop.example policy.dmarc=reject" },
	{ name: "X-Spam-Status", value: ` No, score=1.1 required=5.0\r\n\ttests=HTML_ONLY,LINK_SHORTENED,MISSING_DATE\r\n\tautolearn=no version=Pombal-1${more}` },
	{ name: "Received", value: " from mx.shop.example ([192.0.2.7])\r\n\t(using TLSv1.3 with cipher X)\r\n\tby mail.example.test with ESMTPS id 1 for <b@example.test>;\r\n\tMon, 30 Nov 2026 10:00:09 +0000" },
	{ name: "Received", value: " from app (localhost [127.0.0.1]) by mx.shop.example with ESMTP; Mon, 30 Nov 2026 10:00:00 +0000" },
	{ name: "Authentication-Results", value: " mail.example.test; dmarc=pass header.from=bank.example" },
	{ name: "X-Spam-Status", value: " No, score=-99 required=5.0 tests=none" },
	{ name: "From", value: " Shop <a@shop.example>" },
];

test("only our own server's word counts, and only where strangers can't write", () => {
	const own = ownResults(OURS())!;
	assert.equal(own.server, "mail.example.test");
	assert.deepEqual(own.results.map(({ method, result }) => `${method}=${result}`), ["spf=pass", "dkim=pass", "dmarc=pass"]);
	assert.equal(own.results[1]!.properties["header.b"], "x;y");
	assert.equal(readWeight(OURS())!.score, 1.1);
	assert.deepEqual(readWeight(OURS())!.rules, ["HTML_ONLY", "LINK_SHORTENED", "MISSING_DATE"]);
	assert.equal(ownResults(OURS().slice(2)), null, "what stands below the way is a stranger's");
	assert.equal(ownResults([{ name: "Authentication-Results", value: "evil.test; dmarc=pass" }, ...OURS().slice(2)]), null, "another server's isn't ours");
	assert.equal(ownResults([]), null);
	assert.equal(readWeight(OURS().slice(2)), null);
});

test("the way, by what each server wrote", () => {
	const story = readStory(OURS(), "a@shop.example");
	assert.equal(story.standing, "proved");
	assert.deepEqual(story.legs.map(({ by, tls, seconds, ours }) => [by, tls, seconds, ours]), [["mx.shop.example", false, null, false], ["mail.example.test", true, 9, true]]);
	assert.deepEqual([story.tls, story.author], [true, "shop.example"]);
	assert.equal(readReceived("from x by y with ESMTPSA id 1; nonsense").signedIn, true);
	assert.equal(readReceived("from x (HELO (deep [192.0.2.1])) by y; Mon, 30 Nov 2026 10:00:00 +0000").at, Date.UTC(2026, 10, 30, 10));
	assert.equal(readReceived("").by, null);
});

test("how much is proved", () => {
	const standing = (results: string) => readStory([{ name: "Authentication-Results", value: "m.test; " + results }, { name: "Received", value: "from x by m.test with ESMTPS; x" }], "a@b.test").standing;
	assert.equal(standing("spf=pass; dmarc=pass"), "proved");
	assert.equal(standing("spf=fail; dmarc=fail (no)"), "forged");
	assert.equal(standing("dmarc=fail (no; taken all the same: sealed by list.test)"), "forwarded");
	assert.equal(standing("dkim=pass header.d=c.test; dmarc=none"), "domain");
	assert.equal(standing("spf=none; dmarc=none"), "unproved");
	assert.equal(readStory([{ name: "Received", value: "from [192.0.2.1] by m.test with ESMTPSA id 1; x" }], "a@m.test").standing, "own");
	assert.equal(readStory([{ name: "Received", value: "from [192.0.2.1] by m.test with HTTP id 1; x" }], "a@m.test").standing, "own");
	assert.equal(readStory([], null).standing, "unknown");
});

test("the smallest change", () => {
	const weight = (score: number, names: string[]) => ({ junk: score >= 5, score, required: 5, rules: names });
	const because = (score: number, ...names: string[]) => {
		const one = weight(score, names);
		return smallestChange(one, reasonsOf(one, rules as Rules, "en"));
	};
	assert.deepEqual(because(1.1, "HTML_ONLY"), { kind: "more", points: 3.9 });
	const one = because(5.2, "EXECUTABLE", "DOUBLE_EXTENSION", "LINK_SHORTENED");
	assert.deepEqual(one?.kind === "without" && one.reasons.map(({ name }) => name), ["LINK_SHORTENED"], "the lightest that is enough");
	const many = because(9, "EXECUTABLE", "SENDER_LOOKALIKE", "HTML_ONLY");
	assert.deepEqual(many?.kind === "without" && many.reasons.map(({ name }) => name), ["EXECUTABLE", "SENDER_LOOKALIKE"]);
	assert.equal(because(9, "UNKNOWN_RULE", "toString"), null);
});

test("the rules' points and words are the program's own", () => {
	const found: Rules = {};
	for (const [, name, points, ...texts] of readFileSync("../src/score/rules.def", "utf8").matchAll(/^RULE\((\w+), (-?\d+), ("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\)/gm)) {
		const [en, ru, pt] = texts.map((text) => JSON.parse(text!) as string) as [string, string, string];
		found[name!] = { points: Number(points) / 100, en, ru, pt };
	}
	assert.ok(Object.keys(found).length > 50);
	assert.deepEqual(rules, found);
});

test("headers of strangers are read within bounds", () => {
	assert.deepEqual(splitComments('a (b) "(c)" (d (e) \\) f) g'), { plain: 'a   "(c)"   g', comments: ["b", "d (e) \\) f"] });
	assert.ok(splitComments("(".repeat(50_000)).comments.length === 0);
	assert.equal(readResults("x;" + " dkim=pass;".repeat(10_000)).results.length, 100);
	assert.equal(readResults("\";\";;;=;a=;=b").results.length, 0);
});

test("leaving a list with one click is for what is proved, and over https alone", () => {
	const fields = [{ name: "List-Unsubscribe", value: " <mailto:leave@list.test?subject=x>,\r\n <https://list.test/u?1>" }, { name: "list-unsubscribe-post", value: " List-Unsubscribe=One-Click" }];
	assert.deepEqual(readUnsubscribe(fields, true), { oneClick: "https://list.test/u?1", mail: "mailto:leave@list.test?subject=x", page: "https://list.test/u?1" });
	assert.equal(readUnsubscribe(fields, false)?.oneClick, null);
	assert.equal(readUnsubscribe([fields[0]!], true)?.oneClick, null);
	assert.equal(readUnsubscribe([{ name: "List-Unsubscribe", value: "<http://list.test/u>" }, fields[1]!], true)?.oneClick, null);
	assert.equal(readUnsubscribe([{ name: "List-Unsubscribe", value: "<javascript:alert(1)>, <file:///x>, <mailto:>" }], true), null);
});

test("pictures come unasked from whom one allowed, if it is proved, and never in junk", () => {
	const settings = { remoteImages: "ask" as const, imagesFrom: ["ann@a.test", "@b.test"] };
	assert.ok(allowsPictures(settings, "Ann@A.test", false, "proved", false));
	assert.ok(allowsPictures(settings, "x@b.test", false, "domain", false));
	assert.ok(!allowsPictures(settings, "ann@a.test", false, "forged", false));
	assert.ok(!allowsPictures(settings, "ann@a.test", false, "unproved", false));
	assert.ok(!allowsPictures(settings, "ann@a.test", false, "proved", true));
	assert.ok(!allowsPictures(settings, "x@notb.test", true, "proved", false));
	assert.ok(allowsPictures({ ...settings, remoteImages: "known" }, "x@c.test", true, "proved", false));
	assert.ok(!allowsPictures({ ...settings, remoteImages: "never" }, "ann@a.test", true, "proved", false));
});

// ---- The rest ----

test("an invitation's facts", () => {
	const made = readInvitation("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Tea\\, and\r\n  cake\r\nDTSTART;TZID=Europe/Lisbon:20261201T150000\r\nDTEND:20261201T160000Z\r\nRRULE:FREQ=SECONDLY\r\nORGANIZER;CN=\"Ann: A\":mailto:ann@a.test\r\nATTENDEE:mailto:b@b.test\r\nBEGIN:VALARM\r\nSUMMARY:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR")!;
	assert.deepEqual([made.method, made.title, made.start?.zone, made.end?.zone, made.repeats, made.guests], ["request", "Tea, and cake", "Europe/Lisbon", null, true, 1]);
	assert.equal(readInvitation("BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261301\nEND:VEVENT")?.start, null);
	assert.equal(readInvitation("nothing"), null);
	assert.ok(readInvitation("BEGIN:X\n".repeat(100_000)) === null);
});

test("of a conversation the unread and the newest are open, and many that were read stand as one line", () => {
	const heads = Array.from({ length: 9 }, (_, i) => ({ id: String(i), keywords: i === 7 ? {} : { $seen: true } })) as unknown as Parameters<typeof firstOpen>[0];
	assert.deepEqual(firstOpen(heads), ["7", "8"]);
	assert.deepEqual(foldAway(heads, { 7: true, 8: true }), ["1", "2", "3", "4", "5", "6"]);
	assert.deepEqual(foldAway(heads, { 4: true }), []);
	assert.deepEqual(foldAway(heads.slice(0, 3), {}), []);
});
