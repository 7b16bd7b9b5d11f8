/* Shared by the files of this folder only. */
#ifndef WEBPUSH_INTERNAL_H
#define WEBPUSH_INTERNAL_H

#include <openssl/evp.h>

#include "webpush/webpush.h"

/** ERROR_INVALID, with what OpenSSL says; false. */
bool webpush_failed(struct error *error, const char *what);
/** A public key of P-256; NULL: it isn't a point of the curve. */
EVP_PKEY *webpush_public(const unsigned char public[WEBPUSH_PUBLIC_SIZE]);
/** With its private part. */
EVP_PKEY *webpush_private(const unsigned char private[WEBPUSH_PRIVATE_SIZE], const unsigned char public[WEBPUSH_PUBLIC_SIZE]);

#endif
