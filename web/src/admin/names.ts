// Names of domains and servers, as they are typed.

const LABEL = "[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}])?";
const NAME = new RegExp(`^(?:${LABEL}\\.)+${LABEL}$`, "u");

/** "Example.org. " is example.org. */
export function tidyName(text: string): string {
	return text.trim().toLowerCase().replace(/\.$/, "");
}

/** Null: it may be a domain's name. An address is none; nor is a word without a dot. */
export function whatIsWrong(text: string): "address" | "name" | null {
	const name = tidyName(text);
	if (/^\[.*\]$|:|^\d+(\.\d+)*$/.test(name)) return "address";
	return name.length <= 253 && NAME.test(name) ? null : "name";
}
