/*
 * What SSPI lacks: an authority for servers, NT hashes as credentials, channel bindings of a certificate, reasons in words.
 *
 * Nothing here exists on Windows. Texts are UTF-8.
 */
#ifndef NTLMSSPI_NTLM_SSPI_H
#define NTLMSSPI_NTLM_SSPI_H

#include <stddef.h>

#include "sspi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library: "0.1.0". */
const char *ntlm_sspi_version(void);

/*
 * Why the last call that failed in this thread did so, in words for an administrator; "" before the first. Stays until the next failure in this thread. Not for
 * peers: it says what they must not know.
 */
const char *ntlm_sspi_last_error(void);

/* "SEC_E_LOGON_DENIED"; "" for a status that is not known here. */
const char *ntlm_sspi_status_name(SECURITY_STATUS status);

/*
 * A callback that reads along what an administrator may want to know: why a logon was refused, what is wrong with an account file. One line each, no
 * secrets. Any thread may call it; it must not throw, jump out, or use the context that the call is about. Callback and context must stay valid until the process
 * ends, or until every call that began before they were replaced has returned. NULL for nobody. Set it before the first call of SSPI: what is wrong with the
 * files that the environment names is told when they are first read.
 */
typedef void (*NTLM_SSPI_LOG_CALLBACK)(void *context, const char *message);
SECURITY_STATUS ntlm_sspi_set_log(NTLM_SSPI_LOG_CALLBACK callback, void *context);

/*
 * The question that a server must have answered: a network logon that waits for a verdict. Nothing in it is proven. What it points to is valid during the callback.
 */
typedef struct _NTLM_SSPI_LOGON {
    /* sizeof(NTLM_SSPI_LOGON) of the library: fields may be added behind. */
    ULONG cbSize;
    /* NTLMSSP_NEGOTIATE_* in force. */
    ULONG NegotiateFlags;
    /* As the client sent them: UTF-16, not terminated, lengths in units. The workstation is a claim that nothing checks. */
    const SEC_WCHAR *User;
    const SEC_WCHAR *Domain;
    const SEC_WCHAR *Workstation;
    ULONG UserLength;
    ULONG DomainLength;
    ULONG WorkstationLength;
    /* NTLM_SSPI_RESPONSE_*. */
    ULONG ResponseKind;
    /* The same names in UTF-8, terminated. NULL for a name that UTF-8 cannot say exactly: refuse the logon then. */
    const char *UserUtf8;
    const char *DomainUtf8;
    /* What the client proves itself with, for authorities that ask a domain controller. */
    const UCHAR *NtResponse;
    const UCHAR *LmResponse;
    ULONG NtResponseLength;
    ULONG LmResponseLength;
    UCHAR Challenge[8];
} NTLM_SSPI_LOGON;

#define NTLM_SSPI_RESPONSE_ANONYMOUS 0
#define NTLM_SSPI_RESPONSE_LM 1
#define NTLM_SSPI_RESPONSE_NTLMV1 2
#define NTLM_SSPI_RESPONSE_NTLMV1_ESS 3
#define NTLM_SSPI_RESPONSE_NTLMV2 4

/* The answer. It comes zeroed but for cbSize, and zeros let nobody in. */
typedef struct _NTLM_SSPI_VERDICT {
    /* sizeof(NTLM_SSPI_VERDICT) of the library: fields may be added behind. An older library has fewer: nothing is to be written beyond cbSize. */
    ULONG cbSize;
    /* NTLM_SSPI_VERDICT_*. */
    ULONG Kind;
    UCHAR Key[16];
    UCHAR LmKey[8];
    ULONG HasLmKey;
    /*
     * The account as the authority calls it, DOMAIN\user in UTF-8, terminated: what SECPKG_ATTR_NAMES tells the server. NULL or "" for the name as the client
     * sent it. Read when the callback has returned, in the same thread: it must not be memory of the callback's own frame.
     */
    const char *AccountUtf8;
} NTLM_SSPI_VERDICT;

/* Key is the NT hash of the account's password; the library checks the response against it. */
#define NTLM_SSPI_VERDICT_NT_HASH 1
/* The authority has checked the response itself. Key is the UserSessionKey that it returned, LmKey its LMKey for NTLMv1. */
#define NTLM_SSPI_VERDICT_SESSION_KEY 2

/* NTSTATUS values for the callback to return. Others mean what they mean on Windows. */
#define NTLM_SSPI_STATUS_SUCCESS 0x00000000u
#define NTLM_SSPI_STATUS_NO_LOGON_SERVERS 0xC000005Eu
#define NTLM_SSPI_STATUS_NO_SUCH_USER 0xC0000064u
#define NTLM_SSPI_STATUS_LOGON_FAILURE 0xC000006Du
#define NTLM_SSPI_STATUS_ACCOUNT_DISABLED 0xC0000072u
#define NTLM_SSPI_STATUS_ACCOUNT_LOCKED_OUT 0xC0000234u

/*
 * A callback that decides on logons, instead of the accounts that the environment names. It returns NTLM_SSPI_STATUS_SUCCESS and fills the verdict, or
 * says why not. With NTLM_SSPI_VERDICT_NT_HASH success means "this is the account's hash": return failures that are about the account (disabled)
 * only if it does no harm that everybody learns of them. What was said about the log callback holds here, too. The buffers of the call that asks stay as
 * they are until the callback returns. NULL sets the environment's back.
 */
typedef ULONG (*NTLM_SSPI_AUTHORITY_CALLBACK)(void *context, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict);
SECURITY_STATUS ntlm_sspi_set_authority(NTLM_SSPI_AUTHORITY_CALLBACK callback, void *context);

/* The NT hash of a password: what an authority returns. Whoever has it can log on. */
SECURITY_STATUS ntlm_sspi_nt_hash(const char *password, UCHAR nt_hash[16]);

/*
 * AcquireCredentialsHandle for a user whose NT hash is known instead of the password. domain may be NULL, expiry too. A hash in the password field of an
 * identity would be taken for a password.
 */
SECURITY_STATUS ntlm_sspi_acquire_with_nt_hash(const char *package, ULONG credential_use, const char *user, const char *domain,
                                               const UCHAR nt_hash[16], PCredHandle credential, PTimeStamp expiry);

/*
 * Fills a buffer of type SECBUFFER_CHANNEL_BINDINGS, for pInput of InitializeSecurityContext and AcceptSecurityContext; pvBuffer goes to FreeContextBuffer.
 *
 * From the certificate (DER) of the server of a TLS connection: tls-server-end-point, RFC 5929. The hash function is that of the certificate's signature,
 * SHA-256 where that is MD5 or SHA-1. SEC_E_INVALID_TOKEN for what is no certificate, SEC_E_UNSUPPORTED_FUNCTION for a signature without a hash function
 * (Ed25519), for which there is no binding.
 */
SECURITY_STATUS ntlm_sspi_channel_bindings_from_certificate(const UCHAR *der, size_t length, PSecBuffer buffer);

/* From application data: "tls-exporter:" and the exported bytes, or whatever both sides agree on. */
SECURITY_STATUS ntlm_sspi_channel_bindings_from_data(const UCHAR *data, size_t length, PSecBuffer buffer);

/* How many credentials (0), contexts (1) and blocks of memory (2) are live: for tests that look for leaks. */
size_t ntlm_sspi_live(ULONG kind);

#ifdef __cplusplus
}
#endif

#endif
