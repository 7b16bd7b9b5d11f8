// What comes from strangers and is set apart, and what another program deletes for good.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { until } from "./server.js";

const LOUD = ['From: "service@bank.example" <x@nothing.example>', "Content-Type: text/html", "", '<form><a href="http://bank.example@192.0.2.7/">bank.example</a></form>'];

/** By SMTP, as strangers' mail comes. */
async function send(server, to, subject) {
	const socket = connect(server.port(2525), server.address);
	socket.setEncoding("utf8");
	let heard = "";
	socket.on("data", (data) => (heard += data));
	const say = async (text, code) => {
		if (text) socket.write(`${text}\r\n`);
		await until(() => /^\d{3} .*\r\n$/m.test(heard), `SMTP's ${code}`);
		assert.match(heard, new RegExp(`^${code}`, "m"));
		heard = "";
	};
	await say("", 220);
	await say("EHLO client.example", 250);
	await say("MAIL FROM:<x@nothing.example>", 250);
	await say(`RCPT TO:<${to}>`, 250);
	await say("DATA", 354);
	await say([`Subject: ${subject}`, ...LOUD, "."].join("\r\n"), 250);
	socket.end("QUIT\r\n");
}

/** Two letters that are held back for a person, who may let them through. */
export async function holdBack(server, address) {
	// Nobody answers questions about names here: what is judged is what the letters say.
	server.set({ quarantine_release: '"own"', sender_checks: "yes", resolver: '"127.0.0.1@1"', trust_anchors: '{"none"}' });
	server.run(["account", "set", address, "--spam-quarantine", "1"]);
	await server.announced();
	await Promise.all(["B U Y one !!!", "B U Y two !!!"].map((subject) => send(server, address, subject)));
}

/** In a page: deletes for good what has that in its subject. */
export async function destroyAll(subject) {
	const using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"], session = await (await fetch("/.well-known/jmap")).json(), accountId = Object.keys(session.accounts)[0];
	const ask = async (methodCalls) => (await (await fetch("/jmap/api", { method: "POST", body: JSON.stringify({ using, methodCalls }), headers: { "Content-Type": "application/json" } })).json()).methodResponses;
	const [[, { ids }]] = await ask([["Email/query", { accountId, filter: { subject } }, "0"]]);
	await ask([["Email/set", { accountId, destroy: ids }, "0"]]);
}
