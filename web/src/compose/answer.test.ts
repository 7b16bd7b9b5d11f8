import assert from "node:assert/strict";
import { test } from "node:test";
import type { EmailAddress, EmailHead, Identity } from "../model/types.ts";
import { answerBodies, answeringIdentity, answerRecipients, answerSubject, answerThread, htmlToText, quoteText, signature, textToHtml } from "./answer.ts";

const people = (...emails: string[]): EmailAddress[] => emails.map((email) => ({ name: null, email }));
const identity = (email: string, more: Partial<Identity> = {}): Identity => ({ id: email, name: "", email, replyTo: null, bcc: null, textSignature: "", htmlSignature: "", mayDelete: false, ...more });
const me = [identity("me@example.com"), identity("other@example.com")];
function message(more: Partial<EmailHead>): EmailHead {
	return {
		id: "1", blobId: "b", threadId: "t", mailboxIds: {}, keywords: {}, size: 1, receivedAt: "2026-01-01T00:00:00Z", messageId: ["m@x"], inReplyTo: null, references: null, sender: null,
		from: people("anna@example.org"), to: people("me@example.com"), cc: null, bcc: null, replyTo: null, subject: "Hi", sentAt: null, hasAttachment: false, preview: "", ...more,
	};
}
const said = ({ to, cc }: { to: EmailAddress[]; cc: EmailAddress[] }) => [to.map(({ email }) => email), cc.map(({ email }) => email)];

test("an answer goes to Reply-To, or to who wrote", () => {
	assert.deepEqual(said(answerRecipients(message({}), "reply", me)), [["anna@example.org"], []]);
	assert.deepEqual(said(answerRecipients(message({ replyTo: people("list@example.org") }), "reply", me)), [["list@example.org"], []]);
	assert.deepEqual(said(answerRecipients(message({ from: null, sender: people("s@example.org") }), "reply", me)), [["s@example.org"], []]);
});

test("an answer to all goes to nobody twice and not to oneself", () => {
	const all = message({ to: people("Me@Example.com", "b@example.org", "ANNA@example.org"), cc: people("other@example.com", "c@example.org", "b@example.org") });
	assert.deepEqual(said(answerRecipients(all, "replyAll", me)), [["anna@example.org", "b@example.org"], ["c@example.org"]]);
	assert.deepEqual(said(answerRecipients(message({ from: people("me@example.com") }), "replyAll", me)), [["me@example.com"], []]);
});

test("what one has sent oneself is answered to those that it went to", () => {
	const sent = message({ from: people("me@example.com"), to: people("b@example.org"), cc: people("c@example.org") });
	assert.deepEqual(said(answerRecipients(sent, "reply", me)), [["b@example.org"], []]);
	assert.deepEqual(said(answerRecipients(sent, "replyAll", me)), [["b@example.org"], ["c@example.org"]]);
});

test("the identity is the one that was written to", () => {
	assert.equal(answeringIdentity(message({ to: people("x@example.org"), cc: people("Other@example.com") }), me)?.email, "other@example.com");
	assert.equal(answeringIdentity(message({ to: people("x@example.org") }), me)?.email, "me@example.com");
	assert.equal(answeringIdentity(message({}), []), null);
});

test("a subject has one prefix, whoever put one before", () => {
	for (const [from, reply] of [["Hi", "Re: Hi"], ["RE: AW: Hi", "Re: Hi"], ["Re[3]: Hi", "Re: Hi"], ["Отв: Привет", "Re: Привет"], ["RES: Olá", "Re: Olá"], ["Research: x", "Re: Research: x"], [null, "Re:"]] as const)
		assert.equal(answerSubject(from, "reply"), reply);
	assert.equal(answerSubject("Fw: ENC: Olá", "forward"), "Fwd: Olá");
	assert.equal(answerSubject("Re: Olá", "forward"), "Fwd: Re: Olá");
});

test("References go on where the message's end (RFC 5322 §3.6.4)", () => {
	assert.deepEqual(answerThread(message({ references: ["a", "b"] })), { inReplyTo: ["m@x"], references: ["a", "b", "m@x"] });
	assert.deepEqual(answerThread(message({ inReplyTo: ["a"] })), { inReplyTo: ["m@x"], references: ["a", "m@x"] });
	assert.deepEqual(answerThread(message({ inReplyTo: ["a", "b"] })), { inReplyTo: ["m@x"], references: ["m@x"] });
	assert.deepEqual(answerThread(message({ messageId: null })), { inReplyTo: null, references: null });
});

test("quotes get one more mark, and no signature", () => {
	assert.equal(quoteText("Hello\r\n\r\n> before\r\nbye\r\n-- \r\nAnna\r\n"), "> Hello\n>\n>> before\n> bye");
});

test("both bodies have the words above what is quoted", () => {
	const texts = { wrote: "On Monday, <Anna> wrote:", forwarded: "Forwarded", from: "From", date: "Date", to: "To", cc: "Cc", subject: "Subject", when: "Monday" };
	const reply = answerBodies(message({}), { text: "Hello", html: null }, "reply", texts);
	assert.equal(reply.text, "\n\nOn Monday, <Anna> wrote:\n> Hello\n");
	assert.equal(reply.html, '<div><br></div><div class="attribution">On Monday, &lt;Anna&gt; wrote:</div><blockquote type="cite"><div>Hello</div></blockquote>');
	const forward = answerBodies(message({ cc: people("c@example.org") }), { text: "Hello", html: "<p>Hello</p>" }, "forward", texts);
	assert.match(forward.text, /-- Forwarded --.*\nFrom: anna@example.org\nDate: Monday\nSubject: Hi\nTo: me@example.com\nCc: c@example.org\n\nHello$/u);
	assert.match(forward.html, /<b>Cc:<\/b> c@example.org<\/div><div><br><\/div><p>Hello<\/p><\/div>$/u);
});

test("the plain side says what the HTML does", () => {
	assert.equal(htmlToText('<div>Hello <b>you</b>&nbsp;&amp; all</div><div><br></div><ul><li>one</li><li>two<ol><li>a</li></ol></li></ul><p>See <a href="https://example.org/?a=1&amp;b=2">this</a></p>'
		+ '<blockquote type="cite"><div>quoted</div><blockquote><div>deeper</div></blockquote></blockquote><div>end &#1044;&#x414;</div>'),
	"Hello you & all\n\n• one\n• two\n  1. a\nSee this <https://example.org/?a=1&b=2>\n\n> quoted\n>> deeper\nend ДД");
	assert.equal(htmlToText(textToHtml("a\n\n  b <c>\n")), "a\n\n  b <c>");
	assert.equal(htmlToText('<a href="mailto:a@example.org">a@example.org</a>'), "a@example.org");
});

test("a signature stands behind its mark", () => {
	assert.deepEqual(signature(identity("a@b", { textSignature: "Anna" })), { text: "-- \nAnna", html: '<div class="signature"><div>-- </div><div>Anna</div></div>' });
	assert.equal(signature(identity("a@b", { htmlSignature: "<div>Anna<br>Lisbon</div>" })).text, "-- \nAnna\nLisbon");
	assert.deepEqual(signature(identity("a@b")), { text: "", html: "" });
});
