/* What a milter is told beside the talk itself: macros, as Sendmail calls them, and as those who write milters expect them. */
#include "engine/internal.h"
#include "engine/milter_wire.h"

struct asked {
	const struct engine_mail *mail;
	struct slice recipient;
};

static struct slice domain_of(struct slice address)
{
	size_t at = slice_find_last_char(address, '@');
	return at == SLICE_NONE ? slice_make(NULL, 0) : slice_skip(address, at + 1);
}

static void put_hostname(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->mail->hostname); }
static void put_program(const struct asked *asked, struct buf *out) { (void)asked, buf_append_text(out, "Pombal"); }
static void put_client(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->mail->client); }
static void put_id(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->mail->id); }
static void put_user(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->mail->user); }
static void put_way(const struct asked *asked, struct buf *out) { buf_append_text(out, asked->mail->user.len > 0 ? "SASL" : ""); } /* OpenDKIM wants it */
static void put_sender(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->mail->sender); }
static void put_sender_host(const struct asked *asked, struct buf *out) { engine_append_line(out, domain_of(asked->mail->sender)); }
static void put_recipient(const struct asked *asked, struct buf *out) { engine_append_line(out, asked->recipient); }
static void put_recipient_host(const struct asked *asked, struct buf *out) { engine_append_line(out, domain_of(asked->recipient)); }

/* The name isn't known when milters are asked: it is found out at the same time. */
static void put_client_name(const struct asked *asked, struct buf *out)
{
	if (asked->mail->client.len > 0)
		buf_printf(out, "[%.*s]", SLICE_ARG(asked->mail->client));
}

static void put_port(const struct asked *asked, struct buf *out)
{
	if (asked->mail->port > 0)
		buf_append_number(out, asked->mail->port);
}

static const struct macro {
	const char *name;
	const char *commands; /* before which it is told, unless the milter says which it wants when */
	void (*put)(const struct asked *asked, struct buf *out);
} macros[] = {
	{"j", "C", put_hostname},
	{"{daemon_name}", "C", put_hostname},
	{"v", "C", put_program},
	{"_", "C", put_client_name},
	{"{client_addr}", "C", put_client},
	{"{client_name}", "C", put_client_name},
	{"{client_port}", "C", put_port},
	{"i", "MRTNE", put_id},
	{"{auth_type}", "M", put_way},
	{"{auth_authen}", "M", put_user},
	{"{mail_addr}", "M", put_sender},
	{"{mail_host}", "M", put_sender_host},
	{"{rcpt_addr}", "R", put_recipient},
	{"{rcpt_host}", "R", put_recipient_host},
};

static bool is_told(const struct macro *macro, char command, const struct slice *chosen)
{
	return chosen ? slice_has_word_nocase(*chosen, slice_of(macro->name)) : strchr(macro->commands, command) != NULL;
}

/* What is empty isn't told. */
static void put_macro(const struct macro *macro, const struct asked *asked, struct buf *out)
{
	struct buf value = BUF(ENGINE_HEAD_MAX);
	macro->put(asked, &value);
	if (value.len > 0) {
		engine_milter_put_text(out, slice_of(macro->name));
		engine_milter_put_text(out, buf_slice(&value));
	}
	buf_free(&value);
}

void engine_milter_put_macros(struct buf *out, char command, const struct slice *chosen, const struct engine_mail *mail, struct slice recipient)
{
	struct asked asked = {mail, recipient};
	struct buf told = BUF(ENGINE_HEAD_MAX);
	buf_append_char(&told, command);
	for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
		if (is_told(&macros[i], command, chosen))
			put_macro(&macros[i], &asked, &told);
	if (told.len > 1) {
		size_t at = engine_milter_begin_packet(out, MILTER_MACROS);
		buf_append(out, buf_slice(&told));
		engine_milter_end_packet(out, at);
	}
	buf_free(&told);
}
