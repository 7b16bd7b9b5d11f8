// What a draft begins with that answers or forwards a message: whom it goes to, its subject, its place in the thread, and what is quoted (RFC 5322 §3.6.3, §3.6.4,
// RFC 3676 §4.5). Pure: texts come from the catalogue, HTML comes sanitised.
import type { DraftContent, EmailAddress, EmailHead, Identity } from "../model/types.ts";
import { formatAddress, sameAddress, without } from "./addresses.ts";

export type AnswerKind = "reply" | "replyAll" | "forward";

/** The words that stand above what is quoted, in the writer's language. */
export interface AnswerTexts {
	/** "On 3 May 2026 at 10:12, Anna wrote:" */
	wrote: string;
	/** "Forwarded message" */
	forwarded: string;
	from: string;
	date: string;
	to: string;
	cc: string;
	subject: string;
	/** The date, as the language writes it. */
	when: string;
}

/** What the message says, in the two forms that a draft needs; `html` is safe to put into a page. */
export interface Quoted {
	text: string;
	html: string | null;
}

// "Re:" as mail programs of other languages write it, with counters ("Re[2]:"), and forwards.
const REPLY_PREFIX = /^(?:(?:re|aw|antw|sv|vs|res|ref|rif|r|odp|ynt|отв|на|відп|回复|回覆|答复)(?:\s*\[\d+\]|\^\d+)?\s*[:：]\s*)+/iu;
const FORWARD_PREFIX = /^(?:(?:fwd?|wg|enc|tr|rv|i|пер|пд|转发|轉寄)\s*[:：]\s*)+/iu;

/** A subject with exactly one "Re: " or "Fwd: " before it. */
export function answerSubject(subject: string | null, kind: AnswerKind): string {
	const plain = (subject ?? "").trim();
	if (kind === "forward") return `Fwd: ${plain.replace(FORWARD_PREFIX, "")}`.trimEnd();
	return `Re: ${plain.replace(REPLY_PREFIX, "")}`.trimEnd();
}

/** The identity that the message was sent to, or by; the first without one. Null: there are none. */
export function answeringIdentity(message: EmailHead, identities: readonly Identity[]): Identity | null {
	for (const list of [message.to, message.cc, message.bcc, message.from])
		for (const { email } of list ?? []) {
			const found = identities.find((one) => sameAddress(one.email, email));
			if (found) return found;
		}
	return identities[0] ?? null;
}

/** To and Cc of an answer. What one has sent oneself is answered to those that it went to; oneself is never among them, unless nobody else is. */
export function answerRecipients(message: EmailHead, kind: "reply" | "replyAll", identities: readonly Identity[]): { to: EmailAddress[]; cc: EmailAddress[] } {
	const own = identities.map(({ email }) => email);
	const isOwn = ({ email }: EmailAddress) => own.some((one) => sameAddress(one, email));
	const from = message.from ?? message.sender ?? [];
	const replyTo = message.replyTo?.length ? message.replyTo : from;
	const mine = from.length > 0 && from.every(isOwn) && replyTo.every(isOwn) && (message.to?.length ?? 0) > 0;
	let to = without(mine ? message.to ?? [] : replyTo, []), cc: EmailAddress[] = [];
	if (kind === "replyAll") {
		if (!mine) to = [...to, ...(message.to ?? [])];
		const others = without(to, own);
		to = others.length ? others : without(to, []).slice(0, 1);
		cc = without(message.cc ?? [], [...own, ...to.map(({ email }) => email)]);
	}
	return { to, cc };
}

/** In-Reply-To and References of an answer, by RFC 5322 §3.6.4. Null where the message has no id. */
export function answerThread(message: EmailHead): Pick<DraftContent, "inReplyTo" | "references"> {
	const id = message.messageId?.[0];
	if (!id) return { inReplyTo: null, references: null };
	const before = message.references?.length ? message.references : message.inReplyTo?.length === 1 ? message.inReplyTo : [];
	return { inReplyTo: [id], references: [...before.filter((one) => one !== id), id] };
}

/** Each line with "> " before it; what is quoted already gets one more ">" (RFC 3676 §4.5). The signature stays out. */
export function quoteText(text: string): string {
	const body = text.replace(/\r\n?/gu, "\n").replace(/\n-- \n[\s\S]*$/u, "").replace(/\s+$/u, "");
	return body.split("\n").map((line) => (line.startsWith(">") ? `>${line}` : line === "" ? ">" : `> ${line}`)).join("\n");
}

/** A text that stands in HTML as it is. */
export function escapeHtml(text: string): string {
	return text.replace(/&/gu, "&amp;").replace(/</gu, "&lt;").replace(/>/gu, "&gt;").replace(/"/gu, "&quot;");
}

/** Plain text as HTML: a line each, blanks kept. */
export function textToHtml(text: string): string {
	return text.replace(/\r\n?/gu, "\n").split("\n").map((line) => {
		const kept = escapeHtml(line).replace(/ {2}/gu, " \u00a0").replace(/^ /u, "\u00a0");
		return `<div>${kept || "<br>"}</div>`;
	}).join("");
}

const list = (addresses: readonly EmailAddress[] | null) => (addresses ?? []).map(formatAddress).join(", ");

/** The fields that stand above a forwarded message. */
function forwardedFields(message: EmailHead, texts: AnswerTexts): [string, string][] {
	const fields: [string, string][] = [[texts.from, list(message.from)], [texts.date, texts.when], [texts.subject, message.subject ?? ""], [texts.to, list(message.to)]];
	if (message.cc?.length) fields.push([texts.cc, list(message.cc)]);
	return fields;
}

/** What stands below the place where one writes: text and HTML. */
export function answerBodies(message: EmailHead, quoted: Quoted, kind: AnswerKind, texts: AnswerTexts): { text: string; html: string } {
	const html = quoted.html ?? textToHtml(quoted.text);
	if (kind === "forward") {
		const fields = forwardedFields(message, texts);
		return {
			text: `\n\n---------- ${texts.forwarded} ----------\n${fields.map(([name, value]) => `${name}: ${value}\n`).join("")}\n${quoted.text}`,
			html: `<div><br></div><div class="forwarded"><div>---------- ${escapeHtml(texts.forwarded)} ----------</div>`
				+ fields.map(([name, value]) => `<div><b>${escapeHtml(name)}:</b> ${escapeHtml(value)}</div>`).join("") + `<div><br></div>${html}</div>`,
		};
	}
	return {
		text: `\n\n${texts.wrote}\n${quoteText(quoted.text)}\n`,
		html: `<div><br></div><div class="attribution">${escapeHtml(texts.wrote)}</div><blockquote type="cite">${html}</blockquote>`,
	};
}

/** The signature of an identity, as it stands in a draft: after "-- " (RFC 3676 §4.3). Empty without one. */
export function signature(identity: Identity | null): { text: string; html: string } {
	const text = identity?.textSignature.trim() ?? "", html = identity?.htmlSignature.trim() ?? "";
	if (!text && !html) return { text: "", html: "" };
	return {
		text: `-- \n${text || htmlToText(html)}`,
		html: `<div class="signature"><div>-- </div>${html || textToHtml(text)}</div>`,
	};
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", "#39": "'" };

/** The words of HTML that we have made or sanitised, for the plain side of a message: blocks are lines, quotes have ">", lists their marks, links their address. */
export function htmlToText(html: string): string {
	const lines: string[] = [];
	let line = "", quotes = 0, href = "", linkStart = 0;
	const lists: { ordered: boolean; n: number }[] = [];
	const end = () => {
		const prefix = quotes ? `${">".repeat(quotes)} ` : "";
		lines.push((prefix + line.replace(/[ \t]+$/u, "")).replace(/^(>+) $/u, "$1"));
		line = "";
	};
	const block = () => { if (line.trim() !== "") end(); else line = ""; };
	for (const piece of html.match(/<[^>]*>|[^<]+/gu) ?? []) {
		if (piece[0] !== "<") {
			const text = piece.replace(/&(#?\w+);/gu, (whole, name: string) =>
				ENTITIES[name] ?? (/^#x/iu.test(name) ? fromCode(parseInt(name.slice(2), 16)) : name[0] === "#" ? fromCode(Number(name.slice(1))) : whole));
			line += text.replace(/[ \t\r\n]+/gu, " ").replace(/\u00a0/gu, " ");
			continue;
		}
		const name = /^<\/?\s*([a-z0-9]+)/iu.exec(piece)?.[1]?.toLowerCase() ?? "", closing = piece[1] === "/";
		if (name === "br") end();
		else if (name === "a" && !closing) {
			href = /href\s*=\s*"([^"]*)"/iu.exec(piece)?.[1]?.replace(/&amp;/gu, "&") ?? "";
			linkStart = line.length;
		} else if (name === "a") {
			const shown = line.slice(linkStart).trim(), plain = href.replace(/^mailto:/iu, "");
			if (/^(?:https?|mailto):/iu.test(href) && shown !== plain && shown !== href) line += ` <${plain}>`;
			href = "";
		} else if (name === "blockquote") {
			block();
			quotes = Math.max(0, quotes + (closing ? -1 : 1));
		} else if (name === "ul" || name === "ol") {
			block();
			if (closing) lists.pop();
			else lists.push({ ordered: name === "ol", n: 0 });
		} else if (name === "li" && !closing) {
			block();
			const within = lists.at(-1);
			if (within) within.n++;
			line = `${"  ".repeat(Math.max(0, lists.length - 1))}${within?.ordered ? `${within.n}.` : "•"} `;
		} else if (name === "hr") {
			block();
			line = "-".repeat(20);
			end();
		} else if (/^(?:div|p|h[1-6]|table|tr|pre|section|article|header|footer|li|address|center)$/u.test(name)) {
			block();
			if (name === "p" && closing) end();
		} else if ((name === "td" || name === "th") && closing) line += "\t";
	}
	block();
	return lines.join("\n").replace(/\n{3,}/gu, "\n\n").replace(/\s+$/u, "");
}

function fromCode(code: number): string {
	return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
}
