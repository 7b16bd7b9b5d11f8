import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem } from "./name.ts";

test("a folder's name is one that the server takes", () => {
	assert.equal(nameProblem(" Work ", ["Home"]), null);
	assert.equal(nameProblem("  ", []), "nameEmpty");
	assert.equal(nameProblem("a/b", []), "nameSlash");
	assert.equal(nameProblem("a\nb", []), "nameSlash");
	assert.equal(nameProblem("РАБОТА", ["Работа"]), "nameTaken");
	assert.equal(nameProblem("ж".repeat(101), []), "nameLong");
});
