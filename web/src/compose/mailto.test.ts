import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMailto } from "./mailto.ts";

test("the examples of RFC 6068", () => {
	assert.deepEqual(parseMailto("mailto:chris@example.com"), { to: [{ name: null, email: "chris@example.com" }] });
	assert.deepEqual(parseMailto("mailto:infobot@example.com?subject=current-issue"), { subject: "current-issue", to: [{ name: null, email: "infobot@example.com" }] });
	assert.deepEqual(parseMailto("mailto:infobot@example.com?body=send%20current-issue%0D%0Asend%20index"), { text: "send current-issue\nsend index", to: [{ name: null, email: "infobot@example.com" }] });
	assert.deepEqual(parseMailto("mailto:?to=joe@example.com&cc=bob@example.com&body=hello"), { text: "hello", to: [{ name: null, email: "joe@example.com" }], cc: [{ name: null, email: "bob@example.com" }] });
	assert.deepEqual(parseMailto("mailto:user@example.org?subject=caf%C3%A9"), { subject: "café", to: [{ name: null, email: "user@example.org" }] });
	assert.deepEqual(parseMailto("mailto:list@example.org?In-Reply-To=%3C3469A91.D10AF4C@example.com%3E")?.inReplyTo, ["3469A91.D10AF4C@example.com"]);
});

test("nothing else comes in", () => {
	assert.deepEqual(parseMailto("mailto:a@example.com?from=x@example.com&attach=/etc/passwd&bcc=b@example.com&subject=a%0D%0AX: y&%zz"), {
		subject: "a X: y", to: [{ name: null, email: "a@example.com" }], bcc: [{ name: null, email: "b@example.com" }],
	});
	assert.equal(parseMailto("https://example.com"), null);
});
