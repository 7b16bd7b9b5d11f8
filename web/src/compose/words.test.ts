import assert from "node:assert/strict";
import { test } from "node:test";
import { dictionariesOf, ownText, spokenIn, wordsOf, WORDS_MAX } from "./words.ts";

const texts = (text: string) => wordsOf(text).map((word) => word.text);

test("words are found where they stand, and what is no word isn't", () => {
	assert.deepEqual(texts("Don’t panic: l'eau, guarda-chuva, кто-то ещё!"), ["Don't", "panic", "l'eau", "guarda-chuva", "кто-то", "ещё"]);
	assert.deepEqual(texts("see https://x.test/wordd?a=b, ana.souza+x@elsewhere.example, www.bred.test, read.me.txt, C3PO, some_name, /usr/lib and NATO or #tag"), ["see", "and", "or"]);
	assert.deepEqual(texts("The end.Then"), ["The"], "what may be a name of a server isn't looked at");
	const text = "один  two", word = wordsOf(text)[1]!;
	assert.equal(text.slice(word.start, word.end), "two");
	assert.deepEqual(texts("so\u00adft e\u0301te\u0301"), ["soft", "e\u0301te\u0301"]);
	assert.equal(wordsOf("ab ".repeat(WORDS_MAX + 5)).length, WORDS_MAX);
	const long = "https://x.test/" + "a".repeat(100_000);
	assert.deepEqual(texts(long), []);
});

test("only what one writes oneself is looked at, and it stays where it is", () => {
	const text = "Mine\n> theirs\nand mine\n-- \nme";
	const own = ownText(text);
	assert.equal(own.length, text.length);
	assert.deepEqual(texts(own), ["Mine", "and", "mine"]);
	assert.equal(own.indexOf("and"), text.indexOf("and"));
});

test("in which language a letter is written", () => {
	const spoken = (text: string, otherwise: "ru" | "pt" | "en" = "en") => spokenIn(wordsOf(text), otherwise).join(" ");
	assert.equal(spoken("Здравствуйте! Во вложении счёт."), "ru");
	assert.equal(spoken("Bom dia, a reunião passa para as dez na sala grande.", "en"), "pt");
	assert.equal(spoken("Shall we take the early train? The weather looks fine.", "pt"), "en");
	assert.equal(spoken("Посмотри на этот Thunderbird, пожалуйста"), "ru en");
	assert.equal(spoken("Our friends say Здравствуйте every morning when they come in"), "en ru");
	assert.equal(spoken("Lorem", "pt"), "pt");
	assert.equal(spoken("", "ru"), "ru");
});

test("which dictionaries that takes", () => {
	const all = ["ru", "pt-PT", "pt-BR", "en-GB", "en-US"];
	assert.deepEqual(dictionariesOf("en", all, ["de", "en-US", "en"]), ["en-US"]);
	assert.deepEqual(dictionariesOf("en", all, ["en"]), ["en-GB"]);
	assert.deepEqual(dictionariesOf("pt", ["pt-BR"], ["pt-PT"]), ["pt-BR"]);
	assert.deepEqual(dictionariesOf("ru", all, []), ["ru"]);
	assert.deepEqual(dictionariesOf("ru", ["en-GB"], []), []);
});
