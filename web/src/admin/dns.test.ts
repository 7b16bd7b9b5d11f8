import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, isFault, purposeOf, valueOf } from "./dns.ts";

const record = (line: string, more = {}) => ({ name: line.split(" ")[0]!.replace(/\.$/, ""), type: /\b(MX|TXT|SRV|CNAME)\b/.exec(line)![1]!, needed: true, line, ...more });

test("what a record is for is known by its name and type", () => {
	assert.equal(purposeOf(record("example.org. MX 10 mail.example.org.")), "mx");
	assert.equal(purposeOf(record('example.org. TXT "v=spf1 mx -all"')), "spf");
	assert.equal(purposeOf(record('r1._domainkey.example.org. TXT "v=DKIM1; p=x"')), "dkim");
	assert.equal(purposeOf(record("mta-sts.example.org. CNAME mail.example.org.")), "mtaSts");
	assert.equal(purposeOf(record("_imaps._tcp.example.org. SRV 0 1 993 mail.example.org.")), "srv");
});

test("a form gets names without the domain, and strings whole", () => {
	assert.equal(hostOf("example.org.", "example.org"), "@");
	assert.equal(hostOf("_dmarc.example.org", "example.org"), "_dmarc");
	assert.equal(hostOf("other.net", "example.org"), "other.net");
	assert.equal(valueOf(record('k._domainkey.example.org. 3600 IN TXT "v=DKIM1; p=ab" "cd"')), "v=DKIM1; p=abcd");
	assert.equal(valueOf(record("example.org. IN MX 10 mail.example.org.")), "10 mail.example.org");
});

test("what is advised may be missing, but not wrong", () => {
	assert.equal(isFault(record("example.org. MX 10 m.", { state: "missing" })), true);
	assert.equal(isFault(record("example.org. MX 10 m.", { state: "missing", needed: false })), false);
	assert.equal(isFault(record("example.org. MX 10 m.", { state: "different", needed: false })), true);
	assert.equal(isFault(record("example.org. MX 10 m.")), false);
});
