import assert from "node:assert/strict";
import { test } from "node:test";
import { get, Store, until } from "../base/store.ts";
import type { EmailHead, Mailbox } from "../jmap/types.ts";
import { fit } from "./addresses.ts";
import { Cache, KEPT, prune } from "./cache.ts";
import { makeEmail, makeEnvelope, emptyContent } from "./compose.ts";
import { makeClaims } from "./host.ts";
import { MemoryDatabase } from "./database.ts";
import { compare, makeTree } from "./mailboxes.ts";
import { applyPatch, inverse, keywordPath, movePatch, needed } from "./patch.ts";
import { countFacets, readMarks } from "./search.ts";
import { fileName } from "./drafts.ts";
import { fitting } from "./settings.ts";
import { Sparse } from "./sparse.ts";

const head = (id: string, more: Partial<EmailHead> = {}): EmailHead => ({
	id, blobId: "b", threadId: `t${id}`, mailboxIds: { inbox: true }, keywords: {}, size: 1, receivedAt: "2026-01-01T00:00:00Z", messageId: null, inReplyTo: null, references: null, sender: null, from: null, to: null, cc: null,
	bcc: null, replyTo: null, subject: id, sentAt: null, hasAttachment: false, preview: "", ...more,
});
const box = (id: string, more: Partial<Mailbox> = {}): Mailbox => ({
	id, name: id, parentId: null, role: null, sortOrder: 0, totalEmails: 0, unreadEmails: 0, totalThreads: 0, unreadThreads: 0, isSubscribed: true, myRights: {} as Mailbox["myRights"], ...more,
});

test("stores tell at once, and at each change, until nobody listens", async () => {
	const store = new Store(1), heard: number[] = [], end = store.subscribe(value => heard.push(value));
	store.set(2);
	end();
	store.set(3);
	assert.deepEqual(heard, [1, 2]);
	assert.equal(get(store), 3);
	setTimeout(() => store.set(5), 1);
	assert.equal(await until(store, value => value > 4), 5);
});

test("a patch and its inverse: each email is as it was, but for what others have done", () => {
	const before = head("1", { keywords: { $seen: true }, mailboxIds: { inbox: true, work: true } }), patch = { ...movePatch(before, "archive", null), [keywordPath("$flagged")]: true, [keywordPath("$seen")]: true };
	const after = applyPatch(before, patch), back = inverse(before, patch);
	assert.deepEqual(after.mailboxIds, { archive: true });
	assert.deepEqual(back, { "mailboxIds/archive": null, "mailboxIds/inbox": true, "mailboxIds/work": true, "keywords/$flagged": null });
	const others = applyPatch(after, { "keywords/theirs": true });
	assert.deepEqual(applyPatch(others, back), { ...before, keywords: { $seen: true, theirs: true } });
	assert.equal(applyPatch(before, { [keywordPath("$seen")]: true }), before);
	assert.deepEqual(needed(before, patch), { ...movePatch(before, "archive", null), "keywords/$flagged": true });
	assert.deepEqual(movePatch(null, "archive", null), { mailboxIds: { archive: true } });
	assert.equal(keywordPath("a/b~c"), "keywords/a~1b~0c");
	assert.deepEqual(applyPatch(before, { [keywordPath("a/b~c")]: true }).keywords, { $seen: true, "a/b~c": true });
	assert.deepEqual(inverse(before, { snoozed: { until: "x" } }), { snoozed: null });
});

test("what is done here lies over what the server says, and goes without a trace", async () => {
	const cache = new Cache(new MemoryDatabase()), told: string[][] = [];
	cache.onChange(ids => told.push([...ids]));
	cache.put([head("1"), head("2")]);
	cache.addEffects("a", [["1", { "keywords/$seen": true }], ["2", null]]);
	cache.addEffects("b", [["1", { "keywords/$flagged": true }]]);
	assert.deepEqual(cache.head("1")!.keywords, { $seen: true, $flagged: true });
	assert.equal(cache.head("2"), null);
	cache.endEffects("a", ["1", "2"], false);
	assert.deepEqual(cache.head("1")!.keywords, { $flagged: true });
	assert.equal(cache.head("2")!.id, "2");
	cache.endEffects("b", ["1"], true);
	assert.deepEqual(cache.base("1")!.keywords, { $flagged: true });
	await Promise.resolve();
	assert.deepEqual(told, [["1", "2"]]);
	cache.close();
});

test("this device keeps no more than its bounds, the newest", async () => {
	const db = new MemoryDatabase(), day = 86_400_000, now = 1000 * day;
	await db.put("bodies", [["old", {}], ["new", {}], ["large", {}]]);
	await db.put("info", [["b:old", { at: now - (KEPT.days + 1) * day, size: 1 }], ["b:new", { at: now, size: 10 }], ["b:large", { at: now - day, size: KEPT.bodyBytes }]]);
	assert.equal(await prune(db, now), 2);
	assert.deepEqual((await db.all("bodies")).map(([id]) => id), ["new"]);
});

test("changes of a list whose parts are known: what can be placed is, what can't is given up", () => {
	const list = new Sparse();
	list.place(0, ["a", "b", "c"], 10);
	list.place(7, ["h", "i"], 10);
	assert.equal(list.change(["b"], [{ id: "n", index: 0 }], 10), true);
	assert.deepEqual(list.ids, ["n", "a", "c", undefined, undefined, undefined, undefined, "h", "i", undefined]);
	assert.equal(list.change([], [{ id: "m", index: 0 }], 11), true);
	assert.deepEqual([list.ids[0], list.ids[8], list.ids.length], ["m", "h", 11]);
	assert.equal(list.change(["unknown"], [], 10), false);
	assert.deepEqual(list.ids, ["m", "n", "a", "c", ...Array<undefined>(6)]);
	assert.deepEqual(list.gap(2, 5), [4, 5]);
	const all = new Sparse();
	all.place(0, ["a", "b"], 2);
	assert.equal(all.change(["gone before"], [{ id: "c", index: 2 }], 3), true);
	assert.deepEqual([all.ids, all.gap(0, 9)], [["a", "b", "c"], null]);
});

test("mailboxes stand in the order of their roles, then by place and name; orphans at the top", () => {
	const tree = makeTree([box("z"), box("a"), box("trash", { role: "trash" }), box("inbox", { role: "inbox" }), box("below", { parentId: "a" }), box("orphan", { parentId: "gone", sortOrder: 9 })]);
	assert.deepEqual(tree.map(node => node.mailbox.id), ["inbox", "trash", "a", "z", "orphan"]);
	assert.deepEqual(tree[2]!.children.map(node => [node.depth, node.path.join("/")]), [[1, "a/below"]]);
	assert.ok(compare(box("x", { role: "inbox" }), box("y", { role: "junk" })) < 0);
});

test("what is written becomes an Email object, and an envelope with each address once", () => {
	const identity = { id: "i", name: "Anna", email: "anna@x.example", replyTo: null, bcc: null, textSignature: "", htmlSignature: "", mayDelete: false };
	const content = { ...emptyContent(), to: [{ name: "", email: "b@x.example" }], bcc: [{ name: "B", email: "B@X.example" }], subject: "s", text: "t", html: "<b>t</b>", priority: "high" as const, wantsReceipt: true };
	const email = makeEmail(content, [{ id: "1", name: "a", type: "t/t", size: 1, blobId: "u1", cid: null }, { id: "2", name: "b", type: "t/t", size: 1, blobId: null, cid: null }], identity, { mailboxIds: { d: true }, keywords: { $draft: true }, messageId: "m@x" });
	assert.deepEqual(email["attachments"], [{ blobId: "u1", type: "t/t", name: "a", disposition: "attachment", cid: null }]);
	assert.deepEqual(email["header:X-Priority:asText"], "1 (Highest)");
	assert.deepEqual(email["header:Disposition-Notification-To:asAddresses"], [{ name: "Anna", email: "anna@x.example" }]);
	assert.equal("cc" in email, false);
	assert.deepEqual(makeEnvelope(content, identity, { holdSeconds: 10, notifyDelivery: true }), {
		mailFrom: { email: "anna@x.example", parameters: { HOLDFOR: "10" } }, rcptTo: [{ email: "b@x.example", parameters: { NOTIFY: "SUCCESS,FAILURE" } }],
	});
	assert.deepEqual(makeEnvelope(content, identity, { at: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) }).mailFrom.parameters, { HOLDUNTIL: "2026-01-02T03:04:05Z" });
});

test("snippets are pieces of text, whatever the message had in it", () => {
	assert.deepEqual(readMarks('a &lt;script&gt; <mark>b &amp; c</mark> &#8211; <img src=x>'), [{ text: "a <script> ", mark: false }, { text: "b & c", mark: true }, { text: " – <img src=x>", mark: false }]);
	assert.equal(readMarks(null), null);
});

test("facets say what hits have in common, but not what all have", () => {
	const row = (email: EmailHead) => ({ id: email.id, threadId: email.threadId, email, emails: [email], unread: false, starred: false, hasAttachment: false, labels: [] });
	const anna = [{ name: "Anna", email: "Anna@x.example" }], rows = [row(head("1", { from: anna, hasAttachment: true })), row(head("2", { from: anna })), row(head("3", { receivedAt: "2025-03-01T00:00:00Z" }))];
	const facets = countFacets(rows, id => (id === "inbox" ? "In box" : null));
	assert.deepEqual(facets.map(one => [one.add, one.count]), [["from:anna@x.example", 2], ["after:2026 before:2027", 2], ["after:2025 before:2026", 1], ["has:attachment", 1]]);
});

test("what begins with what was typed comes before what has it inside", () => {
	assert.deepEqual(["anna berg", "zoe anna", "joanna", "boris"].map(text => fit(text, "anna")), [4, 3, 1, 0]);
	assert.equal(fit("a.b@x", "b@x"), 3);
});

test("settings that no page of ours could have made are passed over", () => {
	const good = { theme: "dark", markRead: null, swipeLeft: null, labels: [{ keyword: "work", name: "Work", color: "" }], imagesFrom: ["a@example.test"], language: "ru", later: { ours: true } };
	assert.deepEqual(fitting(good), good);
	assert.deepEqual(fitting({ theme: { dark: true }, density: "<b>", undoSend: 1e12, markRead: "now", labels: "none", imagesFrom: [5], swipeRight: "constructor", conversations: "no", shortcuts: [], language: 5 }), {});
	assert.deepEqual(fitting({ labels: [{ keyword: "work" }] }), {});
});

test("a name has one holder; who waits for it has it next, unless he gives it up", async () => {
	const claim = makeClaims(), first = await claim("a"), patience = new AbortController(), other = new AbortController();
	assert.equal(await claim("a"), null);
	assert.notEqual(await claim("b"), null);
	const impatient = claim("a", patience.signal), next = claim("a", other.signal);
	patience.abort();
	assert.equal(await impatient, null);
	first!();
	(await next)!();
	assert.notEqual(await claim("a"), null);
});

test("a file's name leads nowhere", () => {
	assert.deepEqual(["../../etc/passwd", "C:\\x\\y.txt", "a\0b\r\nBcc: c.txt", "bill\u202efdp.exe", "ä ö.pdf", ".."].map(fileName), ["passwd", "y.txt", "a b Bcc: c.txt", "bill fdp.exe", "ä ö.pdf", ".."]);
});
