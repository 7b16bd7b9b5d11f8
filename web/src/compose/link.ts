// Addresses of links, as they are typed.

/** A whole address of what was typed ("example.org", "anna@example.org"); null if it leads nowhere, or where a message should lead nobody (javascript:, data:, file:). */
export function linkAddress(typed: string): string | null {
	const text = typed.trim();
	if (text === "" || /\s/u.test(text)) return null;
	if (/^(?:https?|mailto|tel):/iu.test(text)) {
		try {
			return new URL(text).href;
		} catch {
			return null;
		}
	}
	if (/^[^@:/]+@[^@:/]+\.[^@:/]+$/u.test(text)) return `mailto:${text}`;
	if (/^[a-z][a-z0-9+.-]*:(?!\d)/iu.test(text) || !/^[^/]+\.[^/.]{2,}(?:[/:?#].*)?$/u.test(text)) return null;
	try {
		return new URL(`https://${text}`).href;
	} catch {
		return null;
	}
}
