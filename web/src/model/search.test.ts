import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mailbox } from "../jmap/types.ts";
import { parseSearch, quote } from "./search_parse.ts";

const mailboxes = [{ id: "m1", name: "Inbox", role: "inbox", parentId: null }, { id: "m2", name: "Spam", role: "junk", parentId: null }, { id: "m3", name: "Projects", role: null, parentId: null }, { id: "m4", name: "Dove", role: null, parentId: "m3" }] as Mailbox[];
const now = new Date(2026, 5, 15, 12).getTime();
const parse = (text: string, within?: string) => parseSearch(text, { mailboxes, now, within });
const filter = (text: string) => parse(`${text} in:anywhere`).filter;
const utc = (...parts: [number, number, number]) => new Date(...parts).toISOString().replace(".000", "");
const everywhere = { inMailboxOtherThan: [] };
const both = (...conditions: object[]) => ({ operator: "AND", conditions: [...conditions, everywhere] });

test("words are looked for everywhere but in junk, or where one is", () => {
	assert.deepEqual(parse("two words").filter, { operator: "AND", conditions: [{ operator: "AND", conditions: [{ text: "two" }, { text: "words" }] }, { inMailboxOtherThan: ["m2"] }] });
	assert.deepEqual(parse("x", "m1").filter, { operator: "AND", conditions: [{ text: "x" }, { inMailbox: "m1" }] });
	assert.equal(parse("  ").filter, null);
	assert.deepEqual(parse("x in:spam").filter, { operator: "AND", conditions: [{ text: "x" }, { inMailbox: "m2" }] });
	assert.deepEqual(parse("in:projects/dove").filter, { inMailbox: "m4" });
});

test("operators become conditions", () => {
	assert.deepEqual(filter('from:anna subject:"red dove"'), both({ from: "anna" }, { subject: '"red dove"' }));
	assert.deepEqual(filter("is:unread is:starred has:attachment"), both({ notKeyword: "$seen" }, { hasKeyword: "$flagged" }, { hasAttachment: true }));
	assert.deepEqual(filter("larger:2.5M smaller:300k"), both({ minSize: 2_500_000 }, { maxSize: 300_000 }));
	assert.deepEqual(filter("after:2026-01-31 before:2026/02"), both({ after: utc(2026, 0, 31) }, { before: utc(2026, 1, 1) }));
	assert.deepEqual(filter("on:today"), both({ operator: "AND", conditions: [{ after: utc(2026, 5, 15) }, { before: utc(2026, 5, 16) }] }));
	assert.deepEqual(filter("list:dove header:X-A=b"), both({ header: ["List-Id", "dove"] }, { header: ["X-A", "b"] }));
	assert.deepEqual(filter("newer_than:2d"), both({ after: new Date(2026, 5, 13, 12).toISOString().replace(".000", "") }));
});

test("minus, OR and parentheses", () => {
	assert.deepEqual(filter("-from:anna"), both({ operator: "NOT", conditions: [{ from: "anna" }] }));
	assert.deepEqual(parse("(a OR b) -(c d) in:inbox").filter, {
		operator: "AND", conditions: [{ operator: "OR", conditions: [{ text: "a" }, { text: "b" }] }, { operator: "NOT", conditions: [{ operator: "AND", conditions: [{ text: "c" }, { text: "d" }] }] }, { inMailbox: "m1" }],
	});
	assert.deepEqual(filter(") a ("), both({ text: "a" }));
});

test("what isn't understood is looked for as it stands", () => {
	const parsed = parse("is:purple https://x.example before:never");
	assert.deepEqual(parsed.unknown, ["is", "before"]);
	assert.deepEqual(parsed.terms.map(term => [term.operator, term.value, term.start]), [["text", "purple", 0], ["text", "https://x.example", 10], ["text", "never", 28]]);
	assert.equal(quote("a b"), '"a b"');
});

test("a search of any length or depth has an end", () => {
	assert.ok(JSON.stringify(parse("word ".repeat(5000)).filter).split('"text"').length <= 31);
	assert.ok(parse("(".repeat(20_000) + "x" + ")".repeat(20_000)));
	assert.ok(parse('"'.repeat(9999) + ":".repeat(9999)));
});
