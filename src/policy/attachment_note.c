/* The note in the place of an attachment that was taken out. Who reads it isn't known where it is written, so it is in all languages that there
 * are. In base64, so that nothing in a name can be taken for something else, and the message needs no 8-bit transport. */
#include "base/base64.h"
#include "policy/attachments.h"

enum { LINE = 76, NOTE_MAX = 2048 };

static const struct {
	const char *language, *gone, *unnamed, *kind, *after;
} words[] = {
	{"en", "The file \"@\" was taken out of this message on its way to you.", "A file was taken out of this message on its way to you.",
	 "Files of its kind aren't delivered here.", "Whoever has sent it can tell you more."},
	{"pt", "O ficheiro \"@\" foi retirado desta mensagem a caminho de si.", "Um ficheiro foi retirado desta mensagem a caminho de si.",
	 "Ficheiros deste tipo não são entregues aqui.", "Quem a enviou pode dizer-lhe mais."},
	{"ru", "Файл «@» удалён из этого письма по дороге к вам.", "Из этого письма по дороге к вам удалён файл.",
	 "Файлы такого вида здесь не доставляются.", "Подробнее может рассказать отправитель."},
};

/* "@" stands for the name. */
static void write_words(struct slice name, enum attach_finding reason, struct buf *text)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct slice gone = slice_of(words[i].gone), before = slice_sub(gone, 0, slice_find_char(gone, '@'));
		buf_append_text(text, i > 0 ? "\r\n\r\n" : "");
		if (name.len > 0) {
			buf_append(text, before);
			buf_append(text, name);
			buf_append(text, slice_skip(gone, before.len + 1));
		} else {
			buf_append_text(text, words[i].unnamed);
		}
		buf_append_text(text, "\r\n");
		buf_append_text(text, reason < ATTACH_FINDINGS ? attach_finding_text(reason, slice_of(words[i].language)) : words[i].kind);
		buf_append_text(text, "\r\n");
		buf_append_text(text, words[i].after);
	}
	buf_append_text(text, "\r\n");
}

struct slice policy_attachment_note(struct slice name, enum attach_finding reason, struct arena *arena)
{
	struct buf text = BUF(NOTE_MAX), encoded = BUF(2 * NOTE_MAX), out = BUF(POLICY_CUT_TEXT_MAX);
	while (name.len > POLICY_ATTACHMENT_NAME_MAX || (name.len > 0 && ((unsigned char)name.at[0] & 0xc0) == 0x80))
		name = slice_skip(name, 1); /* its end, from the beginning of a character on */
	write_words(name, reason, &text);
	base64_encode(buf_slice(&text), &encoded);
	buf_append_text(&out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline\r\n\r\n");
	for (struct slice rest = buf_slice(&encoded); rest.len > 0; rest = slice_skip(rest, LINE)) {
		buf_append(&out, slice_sub(rest, 0, LINE));
		buf_append_text(&out, rest.len > LINE ? "\r\n" : "");
	}
	struct slice note = arena_copy(arena, buf_slice(&out));
	buf_free(&text);
	buf_free(&encoded);
	buf_free(&out);
	return note;
}
