import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

type Catalogue = Record<string, string | Record<string, string>>;
const read = (name: string) => Object.assign({}, ...[name, `admin/${name}`].map((one) => JSON.parse(readFileSync(`catalogues/${one}.json`, "utf8")))) as Catalogue;
const all = { en: read("en"), pt: read("pt"), ru: read("ru") };
const needed = { en: ["one", "other"], pt: ["one", "other"], ru: ["one", "few", "many", "other"] };

function sources(folder: string): string[] {
	return readdirSync(folder).flatMap((name) => (/\.(svelte|ts)$/.test(name) ? (name.endsWith(".test.ts") ? [] : [readFileSync(`${folder}/${name}`, "utf8")]) : name.includes(".") ? [] : sources(`${folder}/${name}`)));
}
function places(message: string | Record<string, string>): string {
	const texts = typeof message === "string" ? [message] : Object.entries(message).filter(([category]) => category === "other").map(([, text]) => text);
	return [...new Set(texts.flatMap((text) => text.match(/\{\w+\}/g) ?? []))].sort().join(" ");
}

test("every language has every text, with the same values in it", () => {
	for (const language of ["pt", "ru"] as const) {
		assert.deepEqual(Object.keys(all[language]).sort(), Object.keys(all.en).sort(), language);
		for (const key of Object.keys(all.en)) assert.equal(places(all[language][key]!), places(all.en[key]!), `${language}: ${key}`);
	}
});

test("plurals have all the categories that the language needs", () => {
	for (const [language, catalogue] of Object.entries(all))
		for (const [key, message] of Object.entries(catalogue))
			if (typeof message !== "string") for (const category of needed[language as keyof typeof needed]) assert.ok(message[category], `${language}: ${key} lacks "${category}"`);
});

// A key is used if it stands somewhere whole, or if it fits one that is put together: t(`role.${role}`).
test("every text is used", () => {
	const code = sources("src").join("\n");
	const made = [...code.matchAll(/`([a-zA-Z]+\.[^`\n]*\$\{[^`\n]*)`/g)].map((found) => new RegExp(`^${found[1]!.replace(/\$\{[^}]*\}/g, "\0").replace(/[.*+?^$()|[\]\\{}]/g, "\\$&").replaceAll("\0", ".+")}$`));
	const unused = Object.keys(all.en).filter((key) => !code.includes(`"${key}"`) && !made.some((pattern) => pattern.test(key)));
	assert.deepEqual(unused, []);
});
