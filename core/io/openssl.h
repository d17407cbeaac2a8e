/* OpenSSL, loaded when the first TLS connection or SCRAM login needs it
 * (core/base/lazy.h).  Files that call it include this and none of its own headers,
 * which must all come before the names below: each stands for the loaded pointer,
 * whose type is the header's, also inside OpenSSL's macros.
 *
 * openssl_load comes first: in tls_context_new and in scram_init.  Both libraries are
 * one table, because dlsym looks for a symbol of libssl in libcrypto too, which libssl
 * brings along.  Any thread. */
#ifndef WEIR_IO_OPENSSL_H
#define WEIR_IO_OPENSSL_H

#include "core/base/lazy.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define ROW LAZY_POINTER
extern struct openssl_functions {
#include "core/io/openssl.def"
} openssl;
#undef ROW

/* ERR_UNSUPPORTED: it is not installed here. */
enum err openssl_load(struct error *e) WEIR_MUST_CHECK;

#define ASN1_OCTET_STRING_free(...) openssl.ASN1_OCTET_STRING_free(__VA_ARGS__)
#define ASN1_STRING_get0_data(...) openssl.ASN1_STRING_get0_data(__VA_ARGS__)
#define ASN1_STRING_length(...) openssl.ASN1_STRING_length(__VA_ARGS__)
#define ASN1_TIME_to_tm(...) openssl.ASN1_TIME_to_tm(__VA_ARGS__)
#define BIO_ctrl(...) openssl.BIO_ctrl(__VA_ARGS__)
#define BIO_new(...) openssl.BIO_new(__VA_ARGS__)
#define BIO_s_mem(...) openssl.BIO_s_mem(__VA_ARGS__)
#define BIO_write(...) openssl.BIO_write(__VA_ARGS__)
#define CRYPTO_memcmp(...) openssl.CRYPTO_memcmp(__VA_ARGS__)
#define ERR_clear_error(...) openssl.ERR_clear_error(__VA_ARGS__)
#define ERR_peek_error(...) openssl.ERR_peek_error(__VA_ARGS__)
#define ERR_peek_last_error(...) openssl.ERR_peek_last_error(__VA_ARGS__)
#define ERR_reason_error_string(...) openssl.ERR_reason_error_string(__VA_ARGS__)
#define EVP_Digest(...) openssl.EVP_Digest(__VA_ARGS__)
#define EVP_sha256(...) openssl.EVP_sha256(__VA_ARGS__)
#define EVP_sha512(...) openssl.EVP_sha512(__VA_ARGS__)
#define GENERAL_NAMES_free(...) openssl.GENERAL_NAMES_free(__VA_ARGS__)
#define HMAC(...) openssl.HMAC(__VA_ARGS__)
#define OPENSSL_sk_num(...) openssl.OPENSSL_sk_num(__VA_ARGS__)
#define OPENSSL_sk_value(...) openssl.OPENSSL_sk_value(__VA_ARGS__)
#define PKCS5_PBKDF2_HMAC(...) openssl.PKCS5_PBKDF2_HMAC(__VA_ARGS__)
#define RAND_bytes(...) openssl.RAND_bytes(__VA_ARGS__)
#define SSL_CTX_check_private_key(...) openssl.SSL_CTX_check_private_key(__VA_ARGS__)
#define SSL_CTX_ctrl(...) openssl.SSL_CTX_ctrl(__VA_ARGS__)
#define SSL_CTX_free(...) openssl.SSL_CTX_free(__VA_ARGS__)
#define SSL_CTX_load_verify_dir(...) openssl.SSL_CTX_load_verify_dir(__VA_ARGS__)
#define SSL_CTX_load_verify_file(...) openssl.SSL_CTX_load_verify_file(__VA_ARGS__)
#define SSL_CTX_new(...) openssl.SSL_CTX_new(__VA_ARGS__)
#define SSL_CTX_set_default_passwd_cb(...) openssl.SSL_CTX_set_default_passwd_cb(__VA_ARGS__)
#define SSL_CTX_set_default_passwd_cb_userdata(...) openssl.SSL_CTX_set_default_passwd_cb_userdata(__VA_ARGS__)
#define SSL_CTX_set_default_verify_paths(...) openssl.SSL_CTX_set_default_verify_paths(__VA_ARGS__)
#define SSL_CTX_set_options(...) openssl.SSL_CTX_set_options(__VA_ARGS__)
#define SSL_CTX_set_verify(...) openssl.SSL_CTX_set_verify(__VA_ARGS__)
#define SSL_CTX_use_PrivateKey_file(...) openssl.SSL_CTX_use_PrivateKey_file(__VA_ARGS__)
#define SSL_CTX_use_certificate_chain_file(...) openssl.SSL_CTX_use_certificate_chain_file(__VA_ARGS__)
#define SSL_alert_desc_string_long(...) openssl.SSL_alert_desc_string_long(__VA_ARGS__)
#define SSL_ctrl(...) openssl.SSL_ctrl(__VA_ARGS__)
#define SSL_do_handshake(...) openssl.SSL_do_handshake(__VA_ARGS__)
#define SSL_free(...) openssl.SSL_free(__VA_ARGS__)
#define SSL_get0_param(...) openssl.SSL_get0_param(__VA_ARGS__)
#define SSL_get_error(...) openssl.SSL_get_error(__VA_ARGS__)
#define SSL_get_ex_data(...) openssl.SSL_get_ex_data(__VA_ARGS__)
#define SSL_get_ex_data_X509_STORE_CTX_idx(...) openssl.SSL_get_ex_data_X509_STORE_CTX_idx(__VA_ARGS__)
#define SSL_get_verify_result(...) openssl.SSL_get_verify_result(__VA_ARGS__)
#define SSL_get_version(...) openssl.SSL_get_version(__VA_ARGS__)
#define SSL_new(...) openssl.SSL_new(__VA_ARGS__)
#define SSL_read_ex(...) openssl.SSL_read_ex(__VA_ARGS__)
#define SSL_set_bio(...) openssl.SSL_set_bio(__VA_ARGS__)
#define SSL_set_connect_state(...) openssl.SSL_set_connect_state(__VA_ARGS__)
#define SSL_set_ex_data(...) openssl.SSL_set_ex_data(__VA_ARGS__)
#define SSL_write_ex(...) openssl.SSL_write_ex(__VA_ARGS__)
#define TLS_client_method(...) openssl.TLS_client_method(__VA_ARGS__)
#define X509_NAME_get_text_by_NID(...) openssl.X509_NAME_get_text_by_NID(__VA_ARGS__)
#define X509_STORE_CTX_get0_cert(...) openssl.X509_STORE_CTX_get0_cert(__VA_ARGS__)
#define X509_STORE_CTX_get_current_cert(...) openssl.X509_STORE_CTX_get_current_cert(__VA_ARGS__)
#define X509_STORE_CTX_get_ex_data(...) openssl.X509_STORE_CTX_get_ex_data(__VA_ARGS__)
#define X509_VERIFY_PARAM_set1_host(...) openssl.X509_VERIFY_PARAM_set1_host(__VA_ARGS__)
#define X509_VERIFY_PARAM_set1_ip_asc(...) openssl.X509_VERIFY_PARAM_set1_ip_asc(__VA_ARGS__)
#define X509_VERIFY_PARAM_set_hostflags(...) openssl.X509_VERIFY_PARAM_set_hostflags(__VA_ARGS__)
#define X509_free(...) openssl.X509_free(__VA_ARGS__)
#define X509_get0_notAfter(...) openssl.X509_get0_notAfter(__VA_ARGS__)
#define X509_get0_notBefore(...) openssl.X509_get0_notBefore(__VA_ARGS__)
#define X509_get_ext_d2i(...) openssl.X509_get_ext_d2i(__VA_ARGS__)
#define X509_get_issuer_name(...) openssl.X509_get_issuer_name(__VA_ARGS__)
#define X509_get_subject_name(...) openssl.X509_get_subject_name(__VA_ARGS__)
#define X509_up_ref(...) openssl.X509_up_ref(__VA_ARGS__)
#define X509_verify_cert_error_string(...) openssl.X509_verify_cert_error_string(__VA_ARGS__)
#define a2i_IPADDRESS(...) openssl.a2i_IPADDRESS(__VA_ARGS__)

#endif
