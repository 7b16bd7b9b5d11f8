import assert from "node:assert/strict";
import { test } from "node:test";
import { MANY_RECIPIENTS, ownWords, prevents, warnings, type Written } from "./warnings.ts";

const people = (n: number) => Array.from({ length: n }, (_, i) => ({ name: null, email: `p${i}@example.com` }));
const written = (more: Partial<Written>): Written => ({ to: people(1), cc: [], bcc: [], unreadable: [], subject: "s", text: "", attachments: [], ...more });
const kinds = (more: Partial<Written>) => warnings(written(more)).map(({ kind }) => kind);

test("who says that something is attached is asked for it, in each language", () => {
	for (const text of ["I have attached it", "Please find the enclosed files", "Segue em anexo o documento", "ANEXO: fatura", "Договор во вложении", "Прикрепляю счёт"])
		assert.deepEqual(kinds({ text }), ["forgottenAttachment"], text);
	for (const text of ["Nothing here", "> attached is the plan\nThanks", "Thanks\n-- \nAttachments Ltd", "unattached", "Hi\n\n---------- Forwarded message ----------\nattached"])
		assert.deepEqual(kinds({ text }), [], text);
	assert.deepEqual(kinds({ text: "attached", attachments: [{ blobId: "b", cid: null }] }), []);
	assert.deepEqual(kinds({ text: "attached", attachments: [{ blobId: "b", cid: "picture in the text" }] }), ["forgottenAttachment"]);
});

test("what can't go is said first", () => {
	assert.deepEqual(kinds({ to: [], subject: " " }), ["noRecipient", "noSubject"]);
	assert.deepEqual(kinds({ to: [], bcc: people(1) }), []);
	assert.deepEqual(warnings(written({ to: [], unreadable: ["anna"] })), [{ kind: "badAddress", text: "anna" }]);
	assert.deepEqual(warnings(written({ attachments: [{ blobId: null, cid: null }] })).map(prevents), [true]);
	assert.deepEqual(kinds({ to: people(MANY_RECIPIENTS) }), ["manyRecipients"]);
	assert.deepEqual(kinds({ bcc: people(100) }), []);
});

test("own words end where a signature or a forwarded message begins", () => {
	assert.equal(ownWords("a\r\n> b\r\nc\r\n-- \r\nd"), "a\nc");
});
