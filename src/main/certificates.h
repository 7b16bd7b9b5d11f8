/* Certificates and keys: the master reads the files (as root, where it is) and hands their bytes to the roles in a sealed
 * memory file, so that no role needs access to a key file. */
#ifndef MAIN_CERTIFICATES_H
#define MAIN_CERTIFICATES_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"

struct tls_server;

enum { CERTIFICATE_FILE_MAX = 1024 * 1024, CERTIFICATES_MAX = 64 * 1024 * 1024 };

/** Reads the files of config->certificates (relative to `data`; symbolic links are followed, as certbot makes them: who can make one there
 * could as well name another file in the configuration) and appends them in the packed form; after them, with `own`, those that this server got by itself
 * (acme_keys.h), the hostname's first, and last the one that init made. Nothing is appended when there are none. The caller wipes `out` (buf_free_secret). */
bool certificates_pack(const struct config *config, const char *data, bool own, struct buf *out, struct error *error);
/** Makes TLS contexts of the packed form; NULL without an error (kind ERROR_NONE) when it is empty. */
struct tls_server *certificates_new_tls(struct slice packed, const struct config *config, struct error *error);
/** Can such contexts be made of them? It is tried in a process of its own (apart.h), so the master neither parses what is in the files nor keeps what
 * OpenSSL needs for that. */
bool certificates_try(struct slice packed, const struct config *config, struct error *error);
/** Puts packed certificates in the place of those that `tls` has. */
bool certificates_replace(struct tls_server *tls, struct slice packed, const struct config *config, struct error *error);
/** The same of those that answer challenges (tls-alpn-01): each bears the name that it is for. */
bool certificates_replace_challenges(struct tls_server *tls, struct slice packed, struct error *error);

#endif
