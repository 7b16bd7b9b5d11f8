import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KNOWN } from "./findings.ts";

// The lines are the command line's own: whoever changes one there finds it here.
test("each finding that is known is one that the program can tell, and has its texts", () => {
	const sources = ["check.c", "check_backup.c", "check_dns.c", "check_network.c", "check_reputation.c", "domain_rotate.c"].map((name) => readFileSync(`../src/cli/${name}`, "utf8")).join("\n");
	const lines = [...sources.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map((found) => found[1]!.replace(/\\"/g, '"'));
	const told = lines.map((line) => line.replace(/%%/g, "%").replace(/%(?:ll)?[dou]/g, "7").replace(/%(?:\.\*)?s/g, "word"));
	const texts = JSON.parse(readFileSync("catalogues/admin/en.json", "utf8")) as Record<string, string>;
	for (const { pattern, name } of KNOWN) {
		assert.ok(told.some((line) => pattern.test(line)), `nothing in src/cli tells ${pattern}`);
		assert.ok(texts[`admin.finding.${name}`] && texts[`admin.mend.${name}`], name);
	}
});
