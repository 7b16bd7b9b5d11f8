/* This table is the only list of what the server can do beyond RFC 3501, in the order in which CAPABILITY tells it. ENABLE turns on what
 * its rows say, and a verb that belongs to one of them (verbs.c) exists while that is on. */
#include "imap/session.h"

#include <stddef.h>

enum {
	BEFORE = STATE_GREETED,
	AFTER = STATE_SIGNED_IN | STATE_SELECTED,
	ALWAYS = STATE_GREETED | AFTER | STATE_LOGOUT, /* before signing in, too: there are clients that ask once only */
};

/* A flag of options.def, as its place in struct config. */
#define OPTION(name) offsetof(struct config, name)

static bool can_start_tls(struct imap *imap)
{
	return !conn_is_tls(imap->conn) && conn_can_tls(imap->conn);
}

static bool forbids_login(struct imap *imap)
{
	return !conn_is_tls(imap->conn) && !config_current()->plaintext_auth;
}

static bool can_compress(struct imap *imap)
{
	return !conn_is_filtered(imap->conn);
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
	const char *rfc;
	unsigned enables;                            /* ENABLED_…, what ENABLE turns on; 0: it needs no turning on */
	size_t option;                               /* OPTION() that switches it; 0: it is always on */
	bool (*is_offered)(struct imap *imap);       /* on this connection as it is now; NULL: on any */
	const char *(*values)(struct imap *imap);    /* told once for each of these words, behind the name; NULL: by its name alone */
} extensions[] = {
	{"IMAP4rev1", ALWAYS, "RFC 3501"},
	{"SASL-IR", ALWAYS, "RFC 4959"},
	{"LITERAL+", ALWAYS, "RFC 7888"},
	{"ID", ALWAYS, "RFC 2971"},
	{"ENABLE", ALWAYS, "RFC 5161"},
	{"IDLE", ALWAYS, "RFC 2177"},
	{"NAMESPACE", ALWAYS, "RFC 2342"},
	{"CHILDREN", ALWAYS, "RFC 3348"},
	{"UIDPLUS", ALWAYS, "RFC 4315"},
	{"UNSELECT", ALWAYS, "RFC 3691"},
	{"MOVE", ALWAYS, "RFC 6851"},
	{"MULTIAPPEND", ALWAYS, "RFC 3502"},
	{"LIST-EXTENDED", ALWAYS, "RFC 5258"},
	{"LIST-STATUS", ALWAYS, "RFC 5819"},
	{"SPECIAL-USE", ALWAYS, "RFC 6154"},
	{"CREATE-SPECIAL-USE", ALWAYS, "RFC 6154"},
	{"COMPRESS=DEFLATE", AFTER, "RFC 4978", .option = OPTION(imap_compress), .is_offered = can_compress},
	{"STARTTLS", BEFORE, "RFC 3501 §6.2.1", .is_offered = can_start_tls},
	{"LOGINDISABLED", BEFORE, "RFC 3501 §6.2.3", .is_offered = forbids_login},
	{"AUTH=", BEFORE, "RFC 3501 §6.2.2", .values = mechanisms},
};

static bool is_on(const struct extension *extension)
{
	return extension->option == 0 || *(const bool *)((const char *)config_current() + extension->option);
}

static const struct extension *find(struct slice name)
{
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		if (slice_equal_nocase(name, slice_of(extensions[i].name)))
			return &extensions[i];
	return NULL;
}

bool imap_extension_is_on(const char *name)
{
	return is_on(find(slice_of(name)));
}

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
		if (extension->states & imap->state && is_on(extension) && (!extension->is_offered || extension->is_offered(imap)))
			write_extension(imap, extension, out);
	}
}

const char *imap_extension_enable(struct imap *imap, struct slice name)
{
	const struct extension *extension = find(name);
	if (!extension || extension->enables == 0 || !is_on(extension))
		return NULL;
	imap->enabled |= extension->enables;
	return extension->name;
}
