/*
 * Sizes, places and values, checked by the compiler: as C11, as C++17, with UNICODE, and against mingw-w64's own sspi.h, for which the same must hold.
 */
#ifdef _WIN32
#define SECURITY_WIN32
#include <windows.h>

#include <security.h>
#include <ntsecapi.h>
#else
#include <ntlm_sspi.h>
#include <ntlmsp.h>
#include <security.h>
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define ASSERT(condition, text) static_assert(condition, text)
#else
#define ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define SIZE(type, size) ASSERT(sizeof(type) == (size), #type)
#define PLACE(type, member, place) ASSERT(offsetof(type, member) == (place), #type "." #member)
#define VALUE(name, value) ASSERT((uint32_t)(name) == (value), #name)

/* Widths. */
SIZE(SECURITY_STATUS, 4);
SIZE(ULONG, 4);
SIZE(USHORT, 2);
SIZE(SEC_CHAR, 1);
SIZE(SEC_WCHAR, 2);
SIZE(BOOLEAN, 1);
SIZE(ULONG_PTR, sizeof(void *));
SIZE(TimeStamp, 8);
SIZE(CredHandle, 16);
SIZE(CtxtHandle, 16);
ASSERT((SECURITY_STATUS)-1 < 0, "statuses have a sign");
ASSERT(SEC_DELETED_HANDLE == (ULONG_PTR)-2, "both words of a deleted handle");
VALUE(SecPkgAttrLastClientTokenYes, 0u);
VALUE(SecPkgAttrLastClientTokenNo, 1u);
VALUE(SecPkgAttrLastClientTokenMaybe, 2u);

#include "abi_layout.h"
#include "abi_values.h"

#ifndef _WIN32
SIZE(NTLM_SSPI_LOGON, 96);
PLACE(NTLM_SSPI_LOGON, cbSize, 0);
PLACE(NTLM_SSPI_LOGON, NegotiateFlags, 4);
PLACE(NTLM_SSPI_LOGON, User, 8);
PLACE(NTLM_SSPI_LOGON, Domain, 16);
PLACE(NTLM_SSPI_LOGON, Workstation, 24);
PLACE(NTLM_SSPI_LOGON, UserLength, 32);
PLACE(NTLM_SSPI_LOGON, DomainLength, 36);
PLACE(NTLM_SSPI_LOGON, WorkstationLength, 40);
PLACE(NTLM_SSPI_LOGON, ResponseKind, 44);
PLACE(NTLM_SSPI_LOGON, UserUtf8, 48);
PLACE(NTLM_SSPI_LOGON, DomainUtf8, 56);
PLACE(NTLM_SSPI_LOGON, NtResponse, 64);
PLACE(NTLM_SSPI_LOGON, LmResponse, 72);
PLACE(NTLM_SSPI_LOGON, NtResponseLength, 80);
PLACE(NTLM_SSPI_LOGON, LmResponseLength, 84);
PLACE(NTLM_SSPI_LOGON, Challenge, 88);
SIZE(NTLM_SSPI_VERDICT, 48);
PLACE(NTLM_SSPI_VERDICT, cbSize, 0);
PLACE(NTLM_SSPI_VERDICT, Kind, 4);
PLACE(NTLM_SSPI_VERDICT, Key, 8);
PLACE(NTLM_SSPI_VERDICT, LmKey, 24);
PLACE(NTLM_SSPI_VERDICT, HasLmKey, 32);
PLACE(NTLM_SSPI_VERDICT, AccountUtf8, 40);
VALUE(NTLM_SSPI_RESPONSE_ANONYMOUS, 0u);
VALUE(NTLM_SSPI_RESPONSE_LM, 1u);
VALUE(NTLM_SSPI_RESPONSE_NTLMV1, 2u);
VALUE(NTLM_SSPI_RESPONSE_NTLMV1_ESS, 3u);
VALUE(NTLM_SSPI_RESPONSE_NTLMV2, 4u);
VALUE(NTLM_SSPI_VERDICT_NT_HASH, 1u);
VALUE(NTLM_SSPI_VERDICT_SESSION_KEY, 2u);
VALUE(NTLM_SSPI_STATUS_SUCCESS, 0u);
VALUE(NTLM_SSPI_STATUS_NO_LOGON_SERVERS, 0xc000005eu);
VALUE(NTLM_SSPI_STATUS_NO_SUCH_USER, 0xc0000064u);
VALUE(NTLM_SSPI_STATUS_LOGON_FAILURE, 0xc000006du);
VALUE(NTLM_SSPI_STATUS_ACCOUNT_DISABLED, 0xc0000072u);
VALUE(NTLM_SSPI_STATUS_ACCOUNT_LOCKED_OUT, 0xc0000234u);
#endif

#ifndef _WIN32
/* Names are text, which the compiler does not compare. */
static int same(const void *name, const void *expected, size_t size)
{
    return memcmp(name, expected, size) == 0;
}
#define SAME(name, text) (sizeof(name) == sizeof(text) && same((name), (text), sizeof(text)))
#endif

/* Code as programs for Windows have it, by names without A or W. */
int main(void)
{
    CredHandle credential;
    SecBuffer token;
    SecBufferDesc message;
    SEC_WINNT_AUTH_IDENTITY identity;
    PSecurityFunctionTable table = InitSecurityInterface();
    PSecPkgInfo package = NULL;

    SecInvalidateHandle(&credential);
    if (SecIsValidHandle(&credential) || table == NULL || table->dwVersion != 1) {
        return 1;
    }
    identity.Flags = 0;
    token.BufferType = SECBUFFER_TOKEN;
    message.ulVersion = SECBUFFER_VERSION;
    message.cBuffers = 1;
    message.pBuffers = &token;
    (void)identity;
    (void)message;
#ifndef _WIN32
    if (table->QuerySecurityPackageInfo(SEC_TEXT("NTLM"), &package) != SEC_E_OK || package->cbMaxToken != 2888) {
        return 2;
    }
    if (QuerySecurityPackageInfoW(NTLMSP_NAME, NULL) != SEC_E_INTERNAL_ERROR) {
        return 3;
    }
    if (QuerySecurityPackageInfo(NEGOSSP_NAME, NULL) != SEC_E_INTERNAL_ERROR) {
        return 4;
    }
    /* By the name that Windows' table of A has. */
    if (table->Reserved2 != NULL || table->Reserved8 != NULL || table->FreeCredentialHandle == NULL) {
        return 5;
    }
    if (!SAME(NTLMSP_NAME_A, "NTLM") || !SAME(NTLMSP_NAME, u"NTLM") || !SAME(NEGOSSP_NAME_A, "Negotiate") || !SAME(NEGOSSP_NAME_W, u"Negotiate") ||
        !SAME(MICROSOFT_KERBEROS_NAME_A, "Kerberos") || !SAME(MICROSOFT_KERBEROS_NAME_W, u"Kerberos") ||
        !SAME(MICROSOFT_KERBEROS_NAME, u"Kerberos")) {
        return 7;
    }
    if (!SAME(SECURITY_ENTRYPOINT_ANSIW, "InitSecurityInterfaceW") || !SAME(SECURITY_ENTRYPOINT_ANSIA, "InitSecurityInterfaceA")) {
        return 8;
    }
#ifdef UNICODE
    if (!SAME(SECURITY_ENTRYPOINT_ANSI, SECURITY_ENTRYPOINT_ANSIW)) {
#else
    if (!SAME(SECURITY_ENTRYPOINT_ANSI, SECURITY_ENTRYPOINT_ANSIA)) {
#endif
        return 9;
    }
    return table->FreeContextBuffer(package) == SEC_E_OK ? 0 : 6;
#else
    return package != NULL;
#endif
}
