/* What EHLO and LHLO announce: the table is the only list of the service extensions, in the order in which they are told. */
#include "base/clock.h"
#include "message/date.h"
#include "smtp/session.h"

static bool can_start_tls(const struct smtp_session *session)
{
	return conn_can_tls(session->conn) && !conn_is_tls(session->conn);
}

/* Not to strangers: who asks for reports may not be whom they would reach. Another server then tells its own people that it has handed
 * their message on (RFC 3461 §5.2.2), and they hear it from somebody whom they know. */
static bool offers_reports(const struct smtp_session *session)
{
	return smtp_is_submission(session) || smtp_is_trusted(session);
}

static bool offers_sign_in(const struct smtp_session *session)
{
	return smtp_mechanisms(session)[0] != '\0';
}

static void write_release(const struct smtp_session *session, struct buf *out)
{
	char until[DATE_TEXT_MAX];
	int64_t most = session->config->future_release;
	date_format_internet(clock_now() + most, until);
	buf_printf(out, " %lld %s", (long long)most, until);
}

static void write_size(const struct smtp_session *session, struct buf *out)
{
	buf_printf(out, " %lld", (long long)session->config->max_message);
}

static void write_mechanisms(const struct smtp_session *session, struct buf *out)
{
	buf_printf(out, " %s", smtp_mechanisms(session));
}

static const struct extension {
	const char *keyword;
	bool (*is_offered)(const struct smtp_session *session);                   /* on this connection as it is now; NULL: on any */
	void (*write_parameters)(const struct smtp_session *session, struct buf *out); /* each with a blank before it; NULL: it has none */
	const char *rfc;
} extensions[] = {
	{"PIPELINING", NULL, NULL, "RFC 2920"},
	{"SIZE", NULL, write_size, "RFC 1870"},
	{"8BITMIME", NULL, NULL, "RFC 6152"},
	{"SMTPUTF8", NULL, NULL, "RFC 6531"},
	{"CHUNKING", NULL, NULL, "RFC 3030"},
	{"BINARYMIME", NULL, NULL, "RFC 3030"},
	{"DSN", offers_reports, NULL, "RFC 3461"},
	{"FUTURERELEASE", smtp_offers_release, write_release, "RFC 4865"},
	{"STARTTLS", can_start_tls, NULL, "RFC 3207"},
	{"AUTH", offers_sign_in, write_mechanisms, "RFC 4954"},
	{"ENHANCEDSTATUSCODES", NULL, NULL, "RFC 2034"},
};

/* RFC 5321 §4.1.1.1: every line of the reply but the last has a hyphen behind its code. */
void smtp_send_extensions(struct smtp_session *session)
{
	struct buf line = BUF(COMMAND_LINE_MAX);
	buf_printf(&line, "%s", smtp_hostname(session));
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		if (extensions[i].is_offered && !extensions[i].is_offered(session))
			continue;
		conn_printf(session->conn, "250-%.*s\r\n", SLICE_ARG(buf_slice(&line)));
		buf_clear(&line);
		buf_append_text(&line, extensions[i].keyword);
		if (extensions[i].write_parameters)
			extensions[i].write_parameters(session, &line);
	}
	conn_printf(session->conn, "250 %.*s\r\n", SLICE_ARG(buf_slice(&line)));
	buf_free(&line);
}
