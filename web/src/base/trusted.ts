// Where a text may become HTML or the address of a script, in this one place: the pages' policy (require-trusted-types-for, src/web/files.c) lets nothing else do so.
// Svelte has a policy of its own, for the templates that are part of our files; there is no {@html} in them (trusted.test.ts).

interface Policy {
	createHTML(html: string): string;
	createScriptURL(url: string): string;
}

const SCRIPT = /^\/(?:sw\.js|assets\/[\w.-]+\.m?js)$/;

/** The address, if it is that of a script of ours. Throws otherwise. */
export function ownScript(url: string, base: string): string {
	const found = new URL(url, base);
	if (found.origin !== new URL(base).origin || !SCRIPT.test(found.pathname) || found.search !== "") throw new TypeError(`not a script of these pages: ${url}`);
	return found.href;
}

const rules: Policy = { createHTML: (html) => html, createScriptURL: (url) => ownScript(url, location.href) };
const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } }).trustedTypes;

/** For DOMPurify, which parses what it is to clean. Where a browser knows no Trusted Types its texts are texts. */
export const policy: Policy = factory ? factory.createPolicy("pombal", rules) : rules;

/** A document of its own, in which nothing runs and which loads nothing. */
export function parseInert(html: string): Document {
	return new DOMParser().parseFromString(policy.createHTML(html), "text/html");
}

/** For service workers and workers: a script of ours. */
export function scriptUrl(url: string): string {
	return policy.createScriptURL(url);
}
