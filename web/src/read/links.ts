// Where a link of a letter really leads, in words, and whether it says something else than it does.

/** Why a link is doubtful. */
export type Doubt =
	| "elsewhere" // its text names another host
	| "lookalike" // letters of other alphabets that look like those of another name
	| "user" // what looks like the host is a user's name before it
	| "number"; // no name, but a number

export interface Target {
	/** What is opened. */
	href: string;
	kind: "web" | "mail" | "phone";
	/** The host as people know it (not xn--…), or the address. */
	place: string;
	doubts: Doubt[];
	/** The host that the text named, of `elsewhere`. */
	said: string | null;
}

// ---- Names ----

/** Punycode (RFC 3492 §6.2); null: it is none. */
export function fromPunycode(text: string): string | null {
	const base = text.lastIndexOf("-"), out = base > 0 ? [...text.slice(0, base)].map((c) => c.codePointAt(0)!) : [];
	let n = 128, i = 0, bias = 72;
	for (let at = base > 0 ? base + 1 : 0; at < text.length; ) {
		const before = i;
		for (let w = 1, k = 36; ; k += 36) {
			const code = text.charCodeAt(at++);
			const digit = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : -1;
			if (digit < 0 || i > 0x7fffffff) return null;
			i += digit * w;
			const t = Math.min(Math.max(k - bias, 1), 26);
			if (digit < t) break;
			w *= 36 - t;
		}
		const count = out.length + 1;
		let delta = before === 0 ? Math.floor((i - before) / 700) : Math.floor((i - before) / 2), k = 0;
		for (delta += Math.floor(delta / count); delta > 455; k += 36) delta = Math.floor(delta / 35);
		bias = k + Math.floor((36 * delta) / (delta + 38));
		n += Math.floor(i / count);
		i %= count;
		if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) return null;
		out.splice(i++, 0, n);
	}
	return String.fromCodePoint(...out);
}

/** A host as it is meant to be read. */
export function shownHost(host: string): string {
	return host.split(".").map((label) => (label.startsWith("xn--") ? fromPunycode(label.slice(4)) ?? label : label)).join(".");
}

const SCRIPTS: [string, RegExp][] = [
	["latin", /\p{Script=Latin}/u], ["cyrillic", /\p{Script=Cyrillic}/u], ["greek", /\p{Script=Greek}/u], ["other", /[\p{Script=Armenian}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Cherokee}\p{Script=Georgian}]/u],
];
/* Letters of others that look like a Latin one. */
const LIKE = new Map([..."аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwвbкkмmнhтtαaοoρpνvιiκkτtυuχxγyωwɡgɩiոnսuցgհhօoıiłlđdøo"].reduce<[string, string][]>((all, char, i, chars) => (i % 2 ? all : [...all, [char, chars[i + 1]!]]), []));

/** Is a label written so that it looks like another: of several alphabets, or all of look-alikes? */
export function isLookalike(host: string): boolean {
	const labels = shownHost(host).split(".");
	const own = !/^[\x00-\x7f]*$/.test(labels[labels.length - 1]!); // of a country that writes so
	return labels.some((label) => {
		if (/^[\x00-\x7f]*$/.test(label)) return false;
		const scripts = SCRIPTS.filter(([, pattern]) => pattern.test(label)).length;
		const letters = [...label.normalize("NFD")].filter((char) => /\p{L}/u.test(char));
		const foreign = letters.filter((char) => char > "\x7f");
		return scripts > 1 || /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\u00ad\ufeff]/.test(label) || (!own && foreign.length > 0 && letters.every((char) => char <= "\x7f" || LIKE.has(char)) && foreign.length >= letters.length / 2);
	});
}

/* Of two hosts' last labels: enough to tell "www.bank.example" from "bank.example.evil.test". Suffixes of two short labels (co.uk) count as one. */
function family(host: string): string {
	const labels = host.toLowerCase().split(".");
	const short = labels.length > 2 && labels[labels.length - 1]!.length === 2 && labels[labels.length - 2]!.length <= 3;
	return labels.slice(short ? -3 : -2).join(".");
}

/** The host that a text names, if it looks like an address; null: it doesn't. */
export function namedHost(text: string): string | null {
	const clean = text.replace(/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "").trim();
	const found = /^(?:https?:\/\/)?(?:www\.)?((?:[\p{L}\p{N}](?:[-\p{L}\p{N}]*[\p{L}\p{N}])?\.)+\p{L}{2,})(?::\d+)?(?:[/?#]\S*)?$/iu.exec(clean);
	if (!found || /\.(?:pdf|docx?|xlsx?|pptx?|txt|jpe?g|png|gif|zip|html?|csv|js|ts|py|sh|md)$/i.test(found[1]!)) return null;
	try {
		return new URL("http://" + found[1]!).hostname;
	} catch {
		return null;
	}
}

// ---- Links ----

/** What a link of a letter leads to; null: nowhere that it may. `text`: what it shows. */
export function readTarget(href: string, text: string): Target | null {
	const clean = href.replace(/[\x00-\x20\u00a0]+/g, (found) => (/^[ \u00a0]+$/.test(found) ? "%20" : "")).replace(/^(?:%20)+|(?:%20)+$/g, "");
	if (/^mailto:/i.test(clean)) {
		const place = decode(clean.slice(7).split("?")[0]!);
		return { href: clean, kind: "mail", place, doubts: [], said: null };
	}
	if (/^tel:[-+\d().*#%;=a-z]*$/i.test(clean)) return { href: clean, kind: "phone", place: decode(clean.slice(4)), doubts: [], said: null };
	if (!/^https?:/i.test(clean)) return null;
	let url: URL;
	try {
		url = new URL(clean);
	} catch {
		return null;
	}
	if (!url.hostname) return null;
	const doubts: Doubt[] = [], said = namedHost(text);
	if (said && family(said) !== family(url.hostname)) doubts.push("elsewhere");
	if (isLookalike(url.hostname)) doubts.push("lookalike");
	if (url.username || url.password) doubts.push("user");
	if (/^[\d.]+$|^\[/.test(url.hostname)) doubts.push("number");
	return { href: url.href, kind: "web", place: shownHost(url.hostname), doubts, said: doubts.includes("elsewhere") && said ? shownHost(said) : null };
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/** A link's address for showing: its host first, and no more than there is room for. */
export function shownTarget(target: Target, room = 120): string {
	if (target.kind !== "web") return target.place;
	const url = new URL(target.href), rest = decode(url.pathname + url.search + url.hash).replace(/[\x00-\x1f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
	const all = target.place + (url.port ? ":" + url.port : "") + (rest === "/" ? "" : rest);
	return all.length > room ? all.slice(0, room - 1) + "…" : all;
}
