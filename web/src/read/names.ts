// Names of attached files and of people, as strangers write them: shown so that nothing in them turns, hides or imitates.

const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, INVISIBLE = /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\ufeff\u{e0000}-\u{e0fff}]/gu;

/** A text in one line, without what turns it round or isn't seen. */
export function shownText(text: string): string {
	return text.replace(DIRECTION, "").replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").trim();
}

/** A file's name, for showing and for saving: no path, no direction, nothing invisible, not endless; "" gives `otherwise`. */
export function shownName(name: string | null, otherwise: string): string {
	const clean = shownText((name ?? "").replace(INVISIBLE, "")).replace(/^.*[\\/]/, "").replace(/[<>:"|?*]/g, "_").replace(/^\.+|[. ]+$/g, "");
	if (clean === "") return otherwise;
	if (clean.length <= 120) return clean;
	const end = /\.[^.]{1,10}$/.exec(clean)?.[0] ?? "";
	return clean.slice(0, 119 - end.length) + "…" + end;
}

const PROGRAMS = /\.(?:exe|com|scr|pif|bat|cmd|msi|msp|ps1|psm1|vbs?|vbe|jse?|wsf|wsh|hta|cpl|jar|lnk|url|reg|iso|img|vhdx?|appx?|dll|inf|chm|app|dmg|pkg|command|desktop|sh|apk|scf|xll|one|svg|html?|xhtml|mht(?:ml)?|shtml)$/i;

/** What opening a file may do: `program`: run something. `hidden`: its name pretends that it is something else. */
export function fileDoubt(name: string | null): "program" | "hidden" | null {
	const raw = name ?? "";
	const clean = shownName(raw, "");
	if (!PROGRAMS.test(clean)) return null;
	return raw.search(DIRECTION) >= 0 || /\.(?:pdf|docx?|xlsx?|pptx?|txt|jpe?g|png|gif|zip|mp3|mp4)[\s_.]*\.[^.]+$/i.test(clean) || /\s{4,}\.[^.]+$/.test(raw) ? "hidden" : "program";
}

/** Does a sender's name claim to be another address than his own? */
export function nameClaims(name: string | null, address: string): string | null {
	const found = /[^\s<>"(),;:]+@[^\s<>"(),;:]+\.[^\s<>"(),;:]+/.exec(shownText(name ?? ""));
	return found && found[0].toLowerCase() !== address.toLowerCase() ? found[0] : null;
}
