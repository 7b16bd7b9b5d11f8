/* Two JMAP clients that nobody here wrote do a person's work with his mail: jmap-jam and jmap-client-ts. They know tokens alone; whoever asks here signs in
 * with a name and a password instead. Arguments: the session's URL, and both. Prints what was seen, as JSON. */
import { JamClient } from "jmap-jam";
import ts from "jmap-client-ts";
import transport from "jmap-client-ts/lib/utils/fetch-transport.js";

const [url, name, password] = process.argv.slice(2);
const credentials = "Basic " + Buffer.from(`${name}:${password}`).toString("base64");
const ask = globalThis.fetch;
globalThis.fetch = (target, options = {}) => ask(target, { ...options, headers: { ...options.headers, Authorization: credentials } });

async function withJam() {
	const jam = new JamClient({ sessionUrl: url, bearerToken: "none" });
	const accountId = await jam.getPrimaryAccount();
	const [{ list: mailboxes }] = await jam.api.Mailbox.get({ accountId });
	const box = role => mailboxes.find(one => one.role === role).id;
	const upload = await jam.uploadBlob(accountId, "From: Ann <ann@x.example>\r\nSubject: uploaded\r\n\r\nThe text.\r\n");
	const [imported] = await jam.api.Email.import({ accountId, emails: { e: { blobId: upload.blobId, mailboxIds: { [box("inbox")]: true }, keywords: { $seen: true } } } });
	const [{ found, emails }] = await jam.requestMany(t => {
		const found = t.Email.query({ accountId, filter: { inMailbox: box("inbox"), subject: "uploaded" }, sort: [{ property: "receivedAt", isAscending: false }], limit: 10 });
		const emails = t.Email.get({ accountId, ids: found.$ref("/ids"), properties: ["subject", "from", "preview", "keywords", "textBody", "bodyValues"], fetchTextBodyValues: true });
		return { found, emails };
	});
	const file = await jam.downloadBlob({ accountId, blobId: imported.created.e.blobId, mimeType: "message/rfc822", fileName: "a.eml" });
	let refused = null;
	try {
		await jam.api.Email.query({ accountId, filter: { none: 1 } });
	} catch (error) {
		refused = error.type;
	}
	return { ids: found.ids, email: emails.list[0], file: await file.text(), refused };
}

async function withClientTs() {
	const client = new ts.Client({ sessionUrl: url, accessToken: "none", transport: new transport.FetchTransport((...all) => fetch(...all)),
		httpHeaders: { "Content-Type": "application/json" } });
	await client.fetchSession();
	const made = await client.mailbox_set({ accountId: null, create: { m: { name: "Projects", parentId: null } } });
	const box = made.created.m.id;
	const drafted = await client.email_set({ accountId: null, create: { e: { mailboxIds: { [box]: true }, keywords: { $draft: true }, subject: "Entwürfe", from: [{ name: "Jö", email: "j@x.example" }],
		textBody: [{ partId: "1", type: "text/plain" }], bodyValues: { 1: { value: "ein Text" } } } } });
	const id = drafted.created.e.id;
	await client.email_set({ accountId: null, update: { [id]: { "keywords/$flagged": true } } });
	const shown = await client.email_get({ accountId: null, ids: [id], properties: ["subject", "keywords", "preview", "mailboxIds"] });
	const found = await client.email_query({ accountId: null, filter: { inMailbox: box } });
	const changes = await client.email_changes({ accountId: null, sinceState: drafted.oldState });
	const mailboxes = await client.mailbox_get({ accountId: null, ids: [box] });
	await client.email_set({ accountId: null, destroy: [id] });
	return { found: found.ids.length, created: changes.created.length, email: shown.list[0], in_box: shown.list[0].mailboxIds[box], total: mailboxes.list[0].totalEmails };
}

console.log(JSON.stringify({ jam: await withJam(), ts: await withClientTs() }));
