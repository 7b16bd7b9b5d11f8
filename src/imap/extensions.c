/* What CAPABILITY says: this table is the only list of what the server can do beyond RFC 3501, in the order in which it is told. */
#include "imap/session.h"

enum {
	BEFORE = STATE_GREETED,
	ALWAYS = STATE_GREETED | STATE_SIGNED_IN | STATE_SELECTED | STATE_LOGOUT, /* before signing in, too: there are clients that ask once only */
};

static bool can_start_tls(struct imap *imap)
{
	return !conn_is_tls(imap->conn) && conn_can_tls(imap->conn);
}

static bool forbids_login(struct imap *imap)
{
	return !conn_is_tls(imap->conn) && !config_current()->plaintext_auth;
}

static const char *mechanisms(struct imap *imap)
{
	struct conn_tls tls;
	conn_tls(imap->conn, &tls);
	bool bound = tls.exporter_size > 0 || tls.unique_size > 0;
	return auth_offered(imap->service->auth, tls.active, config_current()->plaintext_auth, bound, config_current()->scram_over_tls);
}

static const struct extension {
	const char *name;
	unsigned states;                             /* in which it is told */
	unsigned enables;                            /* ENABLED_…, what ENABLE turns on; 0: it needs no turning on */
	bool (*is_offered)(struct imap *imap);       /* on this connection as it is now; NULL: on any */
	const char *(*values)(struct imap *imap);    /* told once for each of these words, behind the name; NULL: by its name alone */
	const char *rfc;
} extensions[] = {
	{"IMAP4rev1", ALWAYS, 0, NULL, NULL, "RFC 3501"},
	{"SASL-IR", ALWAYS, 0, NULL, NULL, "RFC 4959"},
	{"LITERAL+", ALWAYS, 0, NULL, NULL, "RFC 7888"},
	{"ID", ALWAYS, 0, NULL, NULL, "RFC 2971"},
	{"ENABLE", ALWAYS, 0, NULL, NULL, "RFC 5161"},
	{"IDLE", ALWAYS, 0, NULL, NULL, "RFC 2177"},
	{"NAMESPACE", ALWAYS, 0, NULL, NULL, "RFC 2342"},
	{"CHILDREN", ALWAYS, 0, NULL, NULL, "RFC 3348"},
	{"UIDPLUS", ALWAYS, 0, NULL, NULL, "RFC 4315"},
	{"UNSELECT", ALWAYS, 0, NULL, NULL, "RFC 3691"},
	{"MOVE", ALWAYS, 0, NULL, NULL, "RFC 6851"},
	{"MULTIAPPEND", ALWAYS, 0, NULL, NULL, "RFC 3502"},
	{"LIST-EXTENDED", ALWAYS, 0, NULL, NULL, "RFC 5258"},
	{"LIST-STATUS", ALWAYS, 0, NULL, NULL, "RFC 5819"},
	{"SPECIAL-USE", ALWAYS, 0, NULL, NULL, "RFC 6154"},
	{"CREATE-SPECIAL-USE", ALWAYS, 0, NULL, NULL, "RFC 6154"},
	{"STARTTLS", BEFORE, 0, can_start_tls, NULL, "RFC 3501 §6.2.1"},
	{"LOGINDISABLED", BEFORE, 0, forbids_login, NULL, "RFC 3501 §6.2.3"},
	{"AUTH=", BEFORE, 0, NULL, mechanisms, "RFC 3501 §6.2.2"},
};

/* Appends the name, or one word for each value. */
static void write_extension(struct imap *imap, const struct extension *extension, struct buf *out)
{
	struct slice value, rest = slice_of(extension->values ? extension->values(imap) : "");
	if (!extension->values)
		buf_printf(out, " %s", extension->name);
	while (rest.len > 0) {
		slice_cut(rest, ' ', &value, &rest);
		if (value.len > 0)
			buf_printf(out, " %s%.*s", extension->name, SLICE_ARG(value));
	}
}

/* RFC 3501 §7.2.1: what is listed may change with the state, and here it does. */
void imap_capability_write(struct imap *imap, struct buf *out)
{
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		const struct extension *extension = &extensions[i];
		if (extension->states & imap->state && (!extension->is_offered || extension->is_offered(imap)))
			write_extension(imap, extension, out);
	}
}

const char *imap_extension_enable(struct imap *imap, struct slice name)
{
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		if (extensions[i].enables == 0 || !slice_equal_nocase(name, slice_of(extensions[i].name)))
			continue;
		imap->enabled |= extensions[i].enables;
		return extensions[i].name;
	}
	return NULL;
}
