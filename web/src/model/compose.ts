/* Between what is written and the Email object that JMAP makes a message of (RFC 8621 §4.6). Pure. */
import type { EmailAddress, EmailBodyPart, Identity, Id } from "../jmap/types.ts";
import type { DraftContent, Message, SendOptions } from "./types.ts";
import type { Envelope } from "../jmap/types.ts";

export interface KeptAttachment {
	id: string;
	name: string;
	type: string;
	size: number;
	blobId: Id | null;
	cid: string | null;
	/** Is it in the version that the server has? */
	inVersion?: boolean;
}

export function emptyContent(): DraftContent {
	return {
		identityId: null, to: [], cc: [], bcc: [], replyTo: [], subject: "", text: "", html: null, inReplyTo: null, references: null, original: null, forwards: null, wantsReceipt: false, priority: "normal",
	};
}

/** What a forwarded message is known by, also by other mail programs' drafts. */
export const FORWARDS = "X-Forwarded-Message-Id";

/** The Message-ID in that field; null: there is none. */
export function forwardsOf(headers: readonly { name: string; value: string }[]): string | null {
	const value = headers.find(one => one.name.toLowerCase() === FORWARDS.toLowerCase())?.value ?? "";
	return /<([^<>\s]{1,900})>/.exec(value)?.[1] ?? null;
}

export function newMessageId(domain: string): string {
	return `${crypto.randomUUID()}@${domain}`;
}

/** What Email/set creates. Attachments that aren't uploaded yet are left out. */
export function makeEmail(content: DraftContent, attachments: KeptAttachment[], identity: Identity | null, more: { mailboxIds: Record<Id, true>; keywords: Record<string, true>; messageId: string }): Record<string, unknown> {
	const list = (addresses: EmailAddress[]) => (addresses.length > 0 ? addresses.map(({ name, email }) => ({ name: name || null, email })) : null);
	const from = identity ? [{ name: identity.name || null, email: identity.email }] : null;
	const email: Record<string, unknown> = {
		mailboxIds: more.mailboxIds, keywords: more.keywords, messageId: [more.messageId], from, to: list(content.to), cc: list(content.cc), bcc: list(content.bcc),
		replyTo: list(content.replyTo) ?? identity?.replyTo ?? null, subject: content.subject, inReplyTo: content.inReplyTo, references: content.references,
		bodyValues: { t: { value: content.text }, ...(content.html === null ? {} : { h: { value: content.html } }) },
		textBody: [{ partId: "t", type: "text/plain" }],
	};
	if (content.html !== null) email["htmlBody"] = [{ partId: "h", type: "text/html" }];
	const parts = attachments.filter(one => one.blobId).map(one => ({ blobId: one.blobId, type: one.type, name: one.name || null, disposition: one.cid ? "inline" : "attachment", cid: one.cid }));
	if (parts.length > 0) email["attachments"] = parts;
	if (content.wantsReceipt && from) email["header:Disposition-Notification-To:asAddresses"] = from;
	if (content.forwards) email[`header:${FORWARDS}:asText`] = `<${content.forwards}>`;
	if (content.priority !== "normal") {
		email["header:X-Priority:asText"] = content.priority === "high" ? "1 (Highest)" : "5 (Lowest)";
		email["header:Importance:asText"] = content.priority;
	}
	for (const name of Object.keys(email)) if (email[name] === null) delete email[name];
	return email;
}

/** With whom it goes, each once, and when. */
export function makeEnvelope(content: DraftContent, identity: Identity, options: SendOptions & { holdSeconds?: number }): Envelope {
	const seen = new Map<string, string>();
	for (const { email } of [...content.to, ...content.cc, ...content.bcc, ...(identity.bcc ?? [])]) if (!seen.has(email.toLowerCase())) seen.set(email.toLowerCase(), email);
	const parameters: Record<string, string> = options.at ? { HOLDUNTIL: options.at.toISOString().replace(/\.\d+/, "") } : options.holdSeconds ? { HOLDFOR: String(Math.round(options.holdSeconds)) } : {};
	const notify = options.notifyDelivery ? { NOTIFY: "SUCCESS,FAILURE" } : null;
	return {
		mailFrom: { email: identity.email, parameters: Object.keys(parameters).length > 0 ? parameters : null },
		rcptTo: [...seen.values()].map(email => ({ email, parameters: notify })),
	};
}

function values(message: Message, parts: EmailBodyPart[], type: string): string[] {
	return parts.filter(part => part.type === type).flatMap(part => (part.partId ? (message.bodyValues[part.partId]?.value ?? []) : []));
}

/** The text of a draft. */
export function textOf(message: Message): string {
	return values(message, message.textBody, "text/plain").join("\n");
}

/** Its HTML; null: it has none. */
export function htmlOf(message: Message): string | null {
	const found = values(message, message.htmlBody, "text/html");
	return found.length > 0 ? found.join("\n") : null;
}
