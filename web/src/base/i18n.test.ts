import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseLanguage, language, setLanguage, t } from "./i18n.svelte.ts";
import { formatMessage } from "./messages.ts";

test("a plural is chosen by the language's rules, and numbers are written as it writes them", () => {
	const message = { one: "{n} письмо", few: "{n} письма", many: "{n} писем", other: "{n} письма" };
	const said = [1, 2, 5, 21, 12_000].map((n) => formatMessage(message, { n }, "ru").replace(/\s/g, " "));
	assert.deepEqual(said, ["1 письмо", "2 письма", "5 писем", "21 письмо", "12 000 писем"]);
});

test("the first of the browser's languages that there is counts", () => {
	assert.equal(chooseLanguage(["de-DE", "pt-BR", "en"]), "pt");
	assert.equal(chooseLanguage(["fr"]), "en");
});

test("texts are those of the language that was set last", async () => {
	await setLanguage("ru");
	assert.equal(t("app.name"), "Почта");
	assert.equal(language(), "ru");
	await setLanguage("en");
	assert.equal(t("app.name"), "Mail");
});
