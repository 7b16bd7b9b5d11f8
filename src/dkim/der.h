/* Public RSA keys as they stand in records. */
#ifndef DKIM_DER_H
#define DKIM_DER_H

#include "base/slice.h"

/** Reads a SubjectPublicKeyInfo of RSA (RFC 5280 §4.1.2.7, RFC 3279 §2.3.1), as everybody publishes it, or an RSAPublicKey (RFC 8017 §A.1.1), as the
 * text of RFC 6376 §3.6.1 has it. The numbers are big-endian, without leading zeros; what follows the key doesn't count. False: it is neither. */
bool dkim_der_rsa(struct slice bytes, struct slice *modulus, struct slice *exponent);

#endif
