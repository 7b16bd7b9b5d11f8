import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, quoted, withTerm, wordAt } from "./operators.ts";

test("the word at the cursor is what is completed", () => {
	assert.deepEqual(wordAt("invoice fr", 10), { start: 8, word: "fr" });
	assert.deepEqual(wordAt('subject:"annual rep', 19), { start: 0, word: 'subject:"annual rep' });
	assert.deepEqual(complete("invoice fr", 10, "from:"), { text: "invoice from:", cursor: 13 });
	assert.deepEqual(complete("from:an rest", 7, "from:anna@example.test"), { text: "from:anna@example.test rest", cursor: 23 });
	assert.deepEqual(complete("", 0, "is:unread"), { text: "is:unread ", cursor: 10 });
});

test("values with spaces are quoted, and a term stands once", () => {
	assert.equal(quoted("Project X"), '"Project X"');
	assert.equal(quoted("anna@example.test"), "anna@example.test");
	assert.equal(withTerm("invoice", "has:attachment"), "invoice has:attachment");
	assert.equal(withTerm('in:"Project X" invoice', 'in:"Project X"'), 'in:"Project X" invoice');
});
