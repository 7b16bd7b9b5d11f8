import assert from "node:assert/strict";
import { test } from "node:test";
import { tidyName, whatIsWrong } from "./names.ts";

test("names of domains, as they are typed", () => {
	for (const good of ["example.org", " Mail.Example.ORG. ", "почта.рф", "a-b.c-d.pt", "xn--e1afmkfd.xn--p1ai", "1.example.net"]) assert.equal(whatIsWrong(good), null, good);
	for (const address of ["192.0.2.1", "[192.0.2.1]", "2001:db8::1", "mail.example.org:443", "10"]) assert.equal(whatIsWrong(address), "address", address);
	for (const bad of ["", "localhost", "-a.example", "a-.example", "a..example", "https//example.org", "anna@example.org", "a b.example", `${"a".repeat(64)}.example`, `${"a.".repeat(130)}example`]) assert.equal(whatIsWrong(bad), "name", bad);
	assert.equal(tidyName(" Example.org. "), "example.org");
});
