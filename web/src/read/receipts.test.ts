import assert from "node:assert/strict";
import { test } from "node:test";
import { planReceipt, readAsked, type Reader } from "./receipts.ts";

const field = (name: string, value: string) => ({ name, value });
const from = field("Return-Path", " <anna@example.test>");

test("who wants a receipt, and whether it may go without asking", () => {
	assert.equal(readAsked([from]), null);
	assert.deepEqual(readAsked([from, field("Disposition-Notification-To", ' "Berg, Anna" <Anna@example.test>')]), { to: "Anna@example.test", doubtful: false });
	assert.deepEqual(readAsked([from, field("disposition-notification-to", " (a comment, b@x.test) anna@example.test")]), { to: "anna@example.test", doubtful: false });
	assert.deepEqual(readAsked([from, field("Disposition-Notification-To", " \"x@evil.test\" <anna@example.test>")]), { to: "anna@example.test", doubtful: false });
	assert.equal(readAsked([from, field("Disposition-Notification-To", " spy@evil.test")])?.doubtful, true, "another one than the sender");
	assert.equal(readAsked([from, field("Disposition-Notification-To", " anna@example.test, spy@evil.test")])?.doubtful, true, "several");
	assert.equal(readAsked([field("Disposition-Notification-To", " anna@example.test")])?.doubtful, true, "nobody knows who has sent it");
	assert.equal(readAsked([from, field("Disposition-Notification-To", " undisclosed:;")]), null);
});

test("a receipt goes by itself to contacts alone, and never from junk", () => {
	const asked = { to: "anna@example.test", doubtful: false }, reader: Reader = { setting: "always", keywords: {}, own: false, known: true, standing: "proved" };
	assert.equal(planReceipt(asked, reader), "send");
	for (const change of [{ known: false }, { standing: "domain" as const }, { standing: "forged" as const }, { setting: "ask" as const }]) assert.equal(planReceipt(asked, { ...reader, ...change }), "ask");
	assert.equal(planReceipt({ ...asked, doubtful: true }, reader), "ask");
	for (const change of [{ setting: "never" as const }, { own: true }, { keywords: { $mdnsent: true } }, { keywords: { $junk: true } }, { keywords: { $draft: true } }] as Partial<Reader>[]) assert.equal(planReceipt(asked, { ...reader, ...change }), "nothing");
	assert.equal(planReceipt(null, reader), "nothing");
});
