// Begins drafts: a new message, an answer, a forward.
import { language, t } from "../base/i18n.svelte.ts";
import type { Account, Draft, DraftContent, EmailBodyPart, Identity, Message, SettingsValue } from "../model/types.ts";
import { answerBodies, answeringIdentity, answerRecipients, answerSubject, answerThread, htmlToText, signature, textToHtml, type AnswerKind, type AnswerTexts, type Quoted } from "./answer.ts";
import { cleanFragment, toMail, type Pictures } from "./clean.ts";

/** `again`: what one has sent oneself is written once more. */
export type StartKind = AnswerKind | "forwardAttached" | "again";

const noPictures: Pictures = { url: () => null, cid: () => null, add: () => null };

/** A message's HTML as it may stand in another one: clean, its pictures by their Content-ID. */
function cleanHtml(html: string): string {
	const holder = document.implementation.createHTMLDocument("").createElement("div");
	holder.append(cleanFragment(html, noPictures));
	return toMail(holder.innerHTML);
}

function values(message: Message, parts: readonly EmailBodyPart[]): string[] {
	return parts.flatMap(({ partId }) => (partId !== null && message.bodyValues[partId] ? [message.bodyValues[partId].value] : []));
}

/** What a message says. HTML only where it has some: plain text is quoted as such. */
export function quotedOf(message: Message): Quoted {
	const rich = message.htmlBody.filter(({ type }) => type === "text/html");
	const html = rich.length ? cleanHtml(values(message, rich).join("<hr>")) : null;
	const plain = message.textBody.filter(({ type }) => type !== "text/html");
	return { html, text: plain.length ? values(message, plain).join("\n") : html ? htmlToText(html) : "" };
}

function textsOf(message: Message): AnswerTexts {
	const at = new Date(message.sentAt ?? message.receivedAt), who = message.from?.[0] ?? message.sender?.[0];
	const when = Number.isNaN(at.getTime()) ? "" : new Intl.DateTimeFormat(language(), { dateStyle: "long", timeStyle: "short" }).format(at);
	return {
		wrote: t("compose.wrote", { when, who: who?.name || who?.email || "" }), forwarded: t("compose.forwarded"), when,
		from: t("compose.field.from"), date: t("compose.field.date"), to: t("compose.field.to"), cc: t("compose.field.cc"), subject: t("compose.field.subject"),
	};
}

/** The bodies of a draft: room to write, the signature where the settings want it, and what is quoted. */
export function bodies(identity: Identity | null, settings: SettingsValue, below: { text: string; html: string }, written = ""): Pick<DraftContent, "text" | "html"> {
	const sign = signature(identity), above = settings.signaturePlace === "above" || below.text === "";
	const text = above ? written + (sign.text ? `\n\n${sign.text}` : "") + below.text : `${written}${below.text}${sign.text ? `\n${sign.text}` : ""}`;
	if (!settings.composeHtml) return { text, html: null };
	const room = written ? textToHtml(written) : "<div><br></div>", signHtml = sign.html ? cleanHtml(sign.html) : "";
	const html = above ? room + (signHtml ? `<div><br></div>${signHtml}` : "") + below.html : room + below.html + signHtml;
	return { text, html };
}

/** A new message, with what a link or a page gives. */
export function startNew(account: Account, identities: readonly Identity[], settings: SettingsValue, content: Partial<DraftContent> = {}): Draft {
	const identity = identities.find(({ id }) => id === content.identityId) ?? identities[0] ?? null;
	const { text: written = "", ...rest } = content;
	return account.drafts.create({ identityId: identity?.id ?? null, ...rest, ...bodies(identity, settings, { text: "", html: "" }, written) });
}

/** The parts of a message that go along: all when it is forwarded or sent again, else only the pictures that the quoted text shows. */
function attachParts(draft: Draft, message: Message, kind: StartKind, html: string | null): void {
	const shown = new Set([...(html ?? "").matchAll(/src="cid:([^"]*)"/gu)].map((found) => decodeURIComponent(found[1]!)));
	for (const part of message.attachments) {
		if (!part.blobId) continue;
		const cid = part.cid && shown.has(part.cid) ? part.cid : null;
		if (cid || kind === "forward" || kind === "again") draft.attachBlob({ blobId: part.blobId, name: part.name ?? t("compose.unnamed"), type: part.type, size: part.size, cid });
	}
}

/** What was sent, to be changed and sent once more: a new message with the same in it, in the same place of its conversation. */
function startAgain(account: Account, message: Message, identities: readonly Identity[]): Draft {
	const { text, html } = quotedOf(message), sender = message.from?.[0]?.email.toLowerCase(), identity = identities.find(({ email }) => email.toLowerCase() === sender);
	const draft = account.drafts.create({
		identityId: (identity ?? answeringIdentity(message, identities))?.id ?? null, to: message.to ?? [], cc: message.cc ?? [], bcc: message.bcc ?? [], subject: message.subject ?? "", text, html,
		inReplyTo: message.inReplyTo, references: message.references,
	});
	attachParts(draft, message, "again", html);
	return draft;
}

/** A draft that answers, forwards or repeats a message, whose bodies must be there. */
export function startAnswer(account: Account, message: Message, kind: StartKind, identities: readonly Identity[], settings: SettingsValue): Draft {
	if (kind === "again") return startAgain(account, message, identities);
	const identity = answeringIdentity(message, identities);
	const as = kind === "reply" || kind === "replyAll" ? "reply" as const : "forward" as const;
	const common = { identityId: identity?.id ?? null, original: message.id ? { id: message.id, as } : null, forwards: as === "forward" ? message.messageId?.[0] ?? null : null };
	if (kind === "forwardAttached") {
		const draft = account.drafts.create({ ...common, subject: answerSubject(message.subject, "forward"), ...bodies(identity, settings, { text: "", html: "" }) });
		draft.attachBlob({ blobId: message.blobId, name: `${(message.subject ?? "").replace(/[/\\:*?"<>|\p{Cc}]+/gu, " ").trim().slice(0, 80) || t("compose.unnamed")}.eml`, type: "message/rfc822", size: message.size });
		return draft;
	}
	const content = bodies(identity, settings, answerBodies(message, quotedOf(message), kind, textsOf(message)));
	const draft = account.drafts.create({
		...common, ...content, subject: answerSubject(message.subject, kind),
		...(kind === "forward" ? {} : { ...answerRecipients(message, kind, identities), ...answerThread(message) }),
	});
	attachParts(draft, message, kind, content.html);
	return draft;
}
