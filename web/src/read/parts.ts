// What of a message is shown, and what is attached to it.
import type { EmailBodyPart, Message } from "../model/types.ts";

export interface Shape {
	/** The HTML to show; null: there is none. */
	html: string | null;
	/** The plain text; null: there is none. */
	text: { value: string; part: EmailBodyPart }[] | null;
	/** Was it cut off, or was something of it undecodable? */
	truncated: boolean;
	garbled: boolean;
	attachments: EmailBodyPart[];
	/** A calendar's invitation. */
	invitation: EmailBodyPart | null;
}

/* A part that the HTML shows by its Content-ID isn't listed beside it. */
function isShown(part: EmailBodyPart, html: string | null): boolean {
	if (!html || !part.cid || !/^image\//i.test(part.type) || part.disposition === "attachment") return false;
	const cid = part.cid.replace(/^<|>$/g, "");
	return html.includes("cid:" + cid) || html.includes("cid:" + encodeURIComponent(cid));
}

/** What to show of a message. HTML if it has some, unless `plain` is wanted and there is text that isn't made of it. */
export function shapeOf(message: Message): Shape {
	const valueOf = (part: EmailBodyPart) => (part.partId === null ? undefined : message.bodyValues[part.partId]);
	const htmls = message.htmlBody.filter((part) => part.type.toLowerCase() === "text/html" && valueOf(part));
	const texts = message.textBody.filter((part) => /^text\//i.test(part.type) && !/^text\/html$/i.test(part.type) && valueOf(part));
	const html = htmls.length ? htmls.map((part) => valueOf(part)!.value).join("\n") : null;
	const used = [...htmls, ...texts].map((part) => valueOf(part)!);
	const attachments = message.attachments.filter((part) => !isShown(part, html));
	return {
		html,
		text: texts.length ? texts.map((part) => ({ value: valueOf(part)!.value, part })) : null,
		truncated: used.some((value) => value.isTruncated),
		garbled: used.some((value) => value.isEncodingProblem),
		attachments,
		invitation: [...message.attachments, ...message.textBody].find((part) => /^text\/calendar$/i.test(part.type)) ?? null,
	};
}

export type Preview = "picture" | "text" | "pdf" | "message" | null;

/** How an attachment can be looked at here. SVG and HTML are documents: never. */
export function previewOf(part: EmailBodyPart): Preview {
	const type = part.type.toLowerCase(), octets = type === "application/octet-stream";
	if (/^image\/(?:png|jpe?g|gif|webp|avif|bmp)$/.test(type)) return "picture";
	if (/^(?:text\/(?:plain|csv|markdown|calendar|vcard)|application\/json)$/.test(type)) return "text";
	if (type === "application/pdf" || type === "application/x-pdf" || (octets && /\.pdf$/i.test(part.name ?? ""))) return "pdf";
	return type === "message/rfc822" || type === "message/global" || (octets && /\.eml$/i.test(part.name ?? "")) ? "message" : null;
}
