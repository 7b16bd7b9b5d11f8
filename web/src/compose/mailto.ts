// mailto: addresses (RFC 6068): what a click on one begins.
import type { DraftContent } from "../model/types.ts";
import { parseAddresses } from "./addresses.ts";

const MOST = 20_000; // characters of a body that a link may bring

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/** What a draft begins with; null if it is no mailto:. Only the fields that are harmless are taken (RFC 6068 §4): no sender, no attachments, no fields of the transport. */
export function parseMailto(url: string): Partial<DraftContent> | null {
	const found = /^mailto:([^?#]*)(?:\?([^#]*))?/iu.exec(url);
	if (!found) return null;
	const lists: Record<"to" | "cc" | "bcc", string[]> = { to: [decode(found[1]!)], cc: [], bcc: [] };
	const content: Partial<DraftContent> = {};
	for (const pair of (found[2] ?? "").split("&")) {
		const equals = pair.indexOf("="), name = decode(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase(), value = equals < 0 ? "" : decode(pair.slice(equals + 1));
		if (name === "to" || name === "cc" || name === "bcc") lists[name].push(value);
		else if (name === "subject") content.subject = value.replace(/[\r\n]+/gu, " ").slice(0, MOST);
		else if (name === "body") content.text = value.replace(/\r\n?/gu, "\n").slice(0, MOST);
		else if (name === "in-reply-to") content.inReplyTo = value.match(/[^<>\s]+@[^<>\s]+/gu);
	}
	for (const name of ["to", "cc", "bcc"] as const) {
		const people = lists[name].flatMap(parseAddresses).flatMap(({ address }) => (address ? [address] : []));
		if (people.length) content[name] = people;
	}
	return content;
}
