/*
 * The functions of SSPI, one by one and in tables. Part of sspi.h.
 *
 * Names without A or W are macros for one of the two, by UNICODE. Strings that are only read are const here, which Windows' header does not say.
 */
#ifndef NTLMSSPI_SSPI_FUNCTIONS_H
#define NTLMSSPI_SSPI_FUNCTIONS_H

/* Not called. */
typedef void(SEC_ENTRY *SEC_GET_KEY_FN)(void *Arg, void *Principal, ULONG KeyVer, void **Key, SECURITY_STATUS *Status);

/* All packages, in one block for FreeContextBuffer. */
SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesW(ULONG *pcPackages, PSecPkgInfoW *ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY *ENUMERATE_SECURITY_PACKAGES_FN_W)(ULONG *pcPackages, PSecPkgInfoW *ppPackageInfo);
SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesA(ULONG *pcPackages, PSecPkgInfoA *ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY *ENUMERATE_SECURITY_PACKAGES_FN_A)(ULONG *pcPackages, PSecPkgInfoA *ppPackageInfo);

/* One package, in one block for FreeContextBuffer. SEC_E_SECPKG_NOT_FOUND leaves *ppPackageInfo alone. */
SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoW(const SEC_WCHAR *pszPackageName, PSecPkgInfoW *ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_SECURITY_PACKAGE_INFO_FN_W)(
    const SEC_WCHAR *pszPackageName, PSecPkgInfoW *ppPackageInfo);
SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoA(const SEC_CHAR *pszPackageName, PSecPkgInfoA *ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_SECURITY_PACKAGE_INFO_FN_A)(
    const SEC_CHAR *pszPackageName, PSecPkgInfoA *ppPackageInfo);

/* Credentials. pszPrincipal, pvLogonID, pGetKeyFn and pvGetKeyArgument are not looked at; pAuthData is an identity of any form, or NULL
 * for the credentials of the process. The password is not checked here. ptsExpiry may be NULL. */
SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleW(
    const SEC_WCHAR *pszPrincipal, const SEC_WCHAR *pszPackage, ULONG fCredentialUse, void *pvLogonID, void *pAuthData,
    SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PCredHandle phCredential, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *ACQUIRE_CREDENTIALS_HANDLE_FN_W)(
    const SEC_WCHAR *pszPrincipal, const SEC_WCHAR *pszPackage, ULONG fCredentialUse, void *pvLogonID, void *pAuthData,
    SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PCredHandle phCredential, PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleA(
    const SEC_CHAR *pszPrincipal, const SEC_CHAR *pszPackage, ULONG fCredentialUse, void *pvLogonID, void *pAuthData,
    SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PCredHandle phCredential, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *ACQUIRE_CREDENTIALS_HANDLE_FN_A)(
    const SEC_CHAR *pszPrincipal, const SEC_CHAR *pszPackage, ULONG fCredentialUse, void *pvLogonID, void *pAuthData,
    SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PCredHandle phCredential, PTimeStamp ptsExpiry);

/* Contexts made with the handle go on. */
SECURITY_STATUS SEC_ENTRY FreeCredentialsHandle(PCredHandle phCredential);
typedef SECURITY_STATUS(SEC_ENTRY *FREE_CREDENTIALS_HANDLE_FN)(PCredHandle phCredential);

/* SEC_E_UNSUPPORTED_FUNCTION. */
SECURITY_STATUS SEC_ENTRY AddCredentialsW(
    PCredHandle hCredentials, const SEC_WCHAR *pszPrincipal, const SEC_WCHAR *pszPackage, ULONG fCredentialUse,
    void *pAuthData, SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *ADD_CREDENTIALS_FN_W)(
    PCredHandle hCredentials, const SEC_WCHAR *pszPrincipal, const SEC_WCHAR *pszPackage, ULONG fCredentialUse,
    void *pAuthData, SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY AddCredentialsA(
    PCredHandle hCredentials, const SEC_CHAR *pszPrincipal, const SEC_CHAR *pszPackage, ULONG fCredentialUse,
    void *pAuthData, SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *ADD_CREDENTIALS_FN_A)(
    PCredHandle hCredentials, const SEC_CHAR *pszPrincipal, const SEC_CHAR *pszPackage, ULONG fCredentialUse,
    void *pAuthData, SEC_GET_KEY_FN pGetKeyFn, void *pvGetKeyArgument, PTimeStamp ptsExpiry);

/* SECPKG_CRED_ATTR_NAMES; SEC_E_UNSUPPORTED_FUNCTION for others. */
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesW(PCredHandle phCredential, ULONG ulAttribute, void *pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CREDENTIALS_ATTRIBUTES_FN_W)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer);
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesA(PCredHandle phCredential, ULONG ulAttribute, void *pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CREDENTIALS_ATTRIBUTES_FN_A)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer);

/* With the size of the structure: SEC_E_BUFFER_TOO_SMALL when it does not suffice. */
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesExW(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_W)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesExA(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_A)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);

/* SEC_E_UNSUPPORTED_FUNCTION. */
SECURITY_STATUS SEC_ENTRY SetCredentialsAttributesW(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *SET_CREDENTIALS_ATTRIBUTES_FN_W)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY SetCredentialsAttributesA(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *SET_CREDENTIALS_ATTRIBUTES_FN_A)(
    PCredHandle phCredential, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);

/* SEC_E_UNSUPPORTED_FUNCTION: account files are not written. */
SECURITY_STATUS SEC_ENTRY ChangeAccountPasswordW(
    const SEC_WCHAR *pszPackageName, const SEC_WCHAR *pszDomainName, const SEC_WCHAR *pszAccountName,
    const SEC_WCHAR *pszOldPassword, const SEC_WCHAR *pszNewPassword, BOOLEAN bImpersonating, ULONG dwReserved,
    PSecBufferDesc pOutput);
typedef SECURITY_STATUS(SEC_ENTRY *CHANGE_PASSWORD_FN_W)(
    const SEC_WCHAR *pszPackageName, const SEC_WCHAR *pszDomainName, const SEC_WCHAR *pszAccountName,
    const SEC_WCHAR *pszOldPassword, const SEC_WCHAR *pszNewPassword, BOOLEAN bImpersonating, ULONG dwReserved,
    PSecBufferDesc pOutput);
SECURITY_STATUS SEC_ENTRY ChangeAccountPasswordA(
    const SEC_CHAR *pszPackageName, const SEC_CHAR *pszDomainName, const SEC_CHAR *pszAccountName,
    const SEC_CHAR *pszOldPassword, const SEC_CHAR *pszNewPassword, BOOLEAN bImpersonating, ULONG dwReserved,
    PSecBufferDesc pOutput);
typedef SECURITY_STATUS(SEC_ENTRY *CHANGE_PASSWORD_FN_A)(
    const SEC_CHAR *pszPackageName, const SEC_CHAR *pszDomainName, const SEC_CHAR *pszAccountName,
    const SEC_CHAR *pszOldPassword, const SEC_CHAR *pszNewPassword, BOOLEAN bImpersonating, ULONG dwReserved,
    PSecBufferDesc pOutput);

/* The client. ISC_REQ_DELEGATE and ISC_REQ_PROMPT_FOR_CREDS give SEC_E_UNSUPPORTED_FUNCTION, unless the configuration says lenient_requests; an outstanding
 * challenge of this very process gives SEC_E_WRONG_PRINCIPAL, unless it says dangerous_answer_own_challenges.
 * After SEC_E_OK the token still must be sent. phCredential may be NULL on later calls; pszTargetName, pfContextAttr and ptsExpiry always. */
SECURITY_STATUS SEC_ENTRY InitializeSecurityContextW(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_WCHAR *pszTargetName, ULONG fContextReq, ULONG Reserved1,
    ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2, PCtxtHandle phNewContext, PSecBufferDesc pOutput,
    ULONG *pfContextAttr, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *INITIALIZE_SECURITY_CONTEXT_FN_W)(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_WCHAR *pszTargetName, ULONG fContextReq, ULONG Reserved1,
    ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2, PCtxtHandle phNewContext, PSecBufferDesc pOutput,
    ULONG *pfContextAttr, PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY InitializeSecurityContextA(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_CHAR *pszTargetName, ULONG fContextReq, ULONG Reserved1,
    ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2, PCtxtHandle phNewContext, PSecBufferDesc pOutput,
    ULONG *pfContextAttr, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY *INITIALIZE_SECURITY_CONTEXT_FN_A)(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_CHAR *pszTargetName, ULONG fContextReq, ULONG Reserved1,
    ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2, PCtxtHandle phNewContext, PSecBufferDesc pOutput,
    ULONG *pfContextAttr, PTimeStamp ptsExpiry);

/* The server. The last call answers SEC_E_OK with an empty token, and takes NULL for pOutput. With channel bindings, clients that send none
 * are refused, unless ASC_REQ_ALLOW_MISSING_BINDINGS is set. */
SECURITY_STATUS SEC_ENTRY AcceptSecurityContext(
    PCredHandle phCredential, PCtxtHandle phContext, PSecBufferDesc pInput, ULONG fContextReq, ULONG TargetDataRep,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, ULONG *pfContextAttr, PTimeStamp ptsTimeStamp);
typedef SECURITY_STATUS(SEC_ENTRY *ACCEPT_SECURITY_CONTEXT_FN)(
    PCredHandle phCredential, PCtxtHandle phContext, PSecBufferDesc pInput, ULONG fContextReq, ULONG TargetDataRep,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, ULONG *pfContextAttr, PTimeStamp ptsTimeStamp);

/* SEC_E_UNSUPPORTED_FUNCTION: never asked for. */
SECURITY_STATUS SEC_ENTRY CompleteAuthToken(PCtxtHandle phContext, PSecBufferDesc pToken);
typedef SECURITY_STATUS(SEC_ENTRY *COMPLETE_AUTH_TOKEN_FN)(PCtxtHandle phContext, PSecBufferDesc pToken);

/* SEC_E_OK also for a context that was deleted before. */
SECURITY_STATUS SEC_ENTRY DeleteSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY *DELETE_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/* SEC_E_UNSUPPORTED_FUNCTION. */
SECURITY_STATUS SEC_ENTRY ApplyControlToken(PCtxtHandle phContext, PSecBufferDesc pInput);
typedef SECURITY_STATUS(SEC_ENTRY *APPLY_CONTROL_TOKEN_FN)(PCtxtHandle phContext, PSecBufferDesc pInput);

/* See sspi_attributes.h. SEC_E_UNSUPPORTED_FUNCTION for attributes that NTLM does not have. */
SECURITY_STATUS SEC_ENTRY QueryContextAttributesW(PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CONTEXT_ATTRIBUTES_FN_W)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer);
SECURITY_STATUS SEC_ENTRY QueryContextAttributesA(PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CONTEXT_ATTRIBUTES_FN_A)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer);

/* With the size of the structure: SEC_E_BUFFER_TOO_SMALL when it does not suffice. */
SECURITY_STATUS SEC_ENTRY QueryContextAttributesExW(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CONTEXT_ATTRIBUTES_EX_FN_W)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY QueryContextAttributesExA(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_CONTEXT_ATTRIBUTES_EX_FN_A)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);

/* SEC_E_UNSUPPORTED_FUNCTION. */
SECURITY_STATUS SEC_ENTRY SetContextAttributesW(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *SET_CONTEXT_ATTRIBUTES_FN_W)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY SetContextAttributesA(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *SET_CONTEXT_ATTRIBUTES_FN_A)(
    PCtxtHandle phContext, ULONG ulAttribute, void *pBuffer, ULONG cbBuffer);

/* SEC_E_NO_IMPERSONATION: threads have no tokens here. With dangerous_impersonation_without_effect in the configuration SEC_E_OK for a server's context of an
 * authenticated user, and nothing is done: the caller goes on as itself. */
SECURITY_STATUS SEC_ENTRY ImpersonateSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY *IMPERSONATE_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/* As ImpersonateSecurityContext. */
SECURITY_STATUS SEC_ENTRY RevertSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY *REVERT_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/* SEC_E_NO_IMPERSONATION, whatever the configuration says. *Token stays as it is. */
SECURITY_STATUS SEC_ENTRY QuerySecurityContextToken(PCtxtHandle phContext, void **Token);
typedef SECURITY_STATUS(SEC_ENTRY *QUERY_SECURITY_CONTEXT_TOKEN_FN)(PCtxtHandle phContext, void **Token);

/* A TOKEN buffer of at least 16 bytes and DATA. MessageSeqNo counts for datagram contexts alone: others count by themselves. */
SECURITY_STATUS SEC_ENTRY MakeSignature(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG MessageSeqNo);
typedef SECURITY_STATUS(SEC_ENTRY *MAKE_SIGNATURE_FN)(
    PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG MessageSeqNo);

/* pfQOP may be NULL. After an error the message that was due can still be verified. */
SECURITY_STATUS SEC_ENTRY VerifySignature(
    PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo, ULONG *pfQOP);
typedef SECURITY_STATUS(SEC_ENTRY *VERIFY_SIGNATURE_FN)(
    PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo, ULONG *pfQOP);

/* In place. Memory of a buffer that is written must not be memory of another buffer. */
SECURITY_STATUS SEC_ENTRY EncryptMessage(
    PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG MessageSeqNo);
typedef SECURITY_STATUS(SEC_ENTRY *ENCRYPT_MESSAGE_FN)(
    PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG MessageSeqNo);

/* TOKEN and DATA, or STREAM and an empty DATA, which is made to point into the stream. */
SECURITY_STATUS SEC_ENTRY DecryptMessage(
    PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo, ULONG *pfQOP);
typedef SECURITY_STATUS(SEC_ENTRY *DECRYPT_MESSAGE_FN)(
    PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo, ULONG *pfQOP);

/* SEC_E_INVALID_HANDLE for memory that is not the library's. NULL is SEC_E_OK. */
SECURITY_STATUS SEC_ENTRY FreeContextBuffer(void *pvContextBuffer);
typedef SECURITY_STATUS(SEC_ENTRY *FREE_CONTEXT_BUFFER_FN)(void *pvContextBuffer);

/* Moves a session out. SECPKG_CONTEXT_EXPORT_DELETE_OLD is required: two copies would encrypt with the same bytes.
 *
 * THE BLOCK IN pPackedContext HOLDS THE KEYS OF THE SESSION. Whoever reads it reads and forges its messages. FreeContextBuffer wipes it. */
SECURITY_STATUS SEC_ENTRY ExportSecurityContext(
    PCtxtHandle phContext, ULONG fFlags, PSecBuffer pPackedContext, void **pToken);
typedef SECURITY_STATUS(SEC_ENTRY *EXPORT_SECURITY_CONTEXT_FN)(
    PCtxtHandle phContext, ULONG fFlags, PSecBuffer pPackedContext, void **pToken);

/* Goes on with an exported session, in this process or in another. The block stays as it is: import it once, then free it. Two contexts of one block would
 * encrypt two messages with the same bytes, and nobody would notice. */
SECURITY_STATUS SEC_ENTRY ImportSecurityContextW(
    const SEC_WCHAR *pszPackage, PSecBuffer pPackedContext, void *Token, PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY *IMPORT_SECURITY_CONTEXT_FN_W)(
    const SEC_WCHAR *pszPackage, PSecBuffer pPackedContext, void *Token, PCtxtHandle phContext);
SECURITY_STATUS SEC_ENTRY ImportSecurityContextA(
    const SEC_CHAR *pszPackage, PSecBuffer pPackedContext, void *Token, PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY *IMPORT_SECURITY_CONTEXT_FN_A)(
    const SEC_CHAR *pszPackage, PSecBuffer pPackedContext, void *Token, PCtxtHandle phContext);

/* The old names of EncryptMessage and DecryptMessage. */
SECURITY_STATUS SEC_ENTRY SealMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage, ULONG MessageSeqNo);
SECURITY_STATUS SEC_ENTRY UnsealMessage(PCtxtHandle phContext, PSecBufferDesc pMessage, ULONG MessageSeqNo, ULONG *pfQOP);

/*
 * Tables of all functions, in the order of Windows: dwVersion is 1, and every member is there all the same. Reserved3 and Reserved4 are EncryptMessage and
 * DecryptMessage; Reserved2 and Reserved8 are NULL. A table stays as long as the process.
 */
#define FreeCredentialHandle FreeCredentialsHandle
typedef struct _SECURITY_FUNCTION_TABLE_W {
    ULONG dwVersion;
    ENUMERATE_SECURITY_PACKAGES_FN_W EnumerateSecurityPackagesW;
    QUERY_CREDENTIALS_ATTRIBUTES_FN_W QueryCredentialsAttributesW;
    ACQUIRE_CREDENTIALS_HANDLE_FN_W AcquireCredentialsHandleW;
    FREE_CREDENTIALS_HANDLE_FN FreeCredentialsHandle;
    void *Reserved2;
    INITIALIZE_SECURITY_CONTEXT_FN_W InitializeSecurityContextW;
    ACCEPT_SECURITY_CONTEXT_FN AcceptSecurityContext;
    COMPLETE_AUTH_TOKEN_FN CompleteAuthToken;
    DELETE_SECURITY_CONTEXT_FN DeleteSecurityContext;
    APPLY_CONTROL_TOKEN_FN ApplyControlToken;
    QUERY_CONTEXT_ATTRIBUTES_FN_W QueryContextAttributesW;
    IMPERSONATE_SECURITY_CONTEXT_FN ImpersonateSecurityContext;
    REVERT_SECURITY_CONTEXT_FN RevertSecurityContext;
    MAKE_SIGNATURE_FN MakeSignature;
    VERIFY_SIGNATURE_FN VerifySignature;
    FREE_CONTEXT_BUFFER_FN FreeContextBuffer;
    QUERY_SECURITY_PACKAGE_INFO_FN_W QuerySecurityPackageInfoW;
    void *Reserved3;
    void *Reserved4;
    EXPORT_SECURITY_CONTEXT_FN ExportSecurityContext;
    IMPORT_SECURITY_CONTEXT_FN_W ImportSecurityContextW;
    ADD_CREDENTIALS_FN_W AddCredentialsW;
    void *Reserved8;
    QUERY_SECURITY_CONTEXT_TOKEN_FN QuerySecurityContextToken;
    ENCRYPT_MESSAGE_FN EncryptMessage;
    DECRYPT_MESSAGE_FN DecryptMessage;
    SET_CONTEXT_ATTRIBUTES_FN_W SetContextAttributesW;
    SET_CREDENTIALS_ATTRIBUTES_FN_W SetCredentialsAttributesW;
    CHANGE_PASSWORD_FN_W ChangeAccountPasswordW;
    QUERY_CONTEXT_ATTRIBUTES_EX_FN_W QueryContextAttributesExW;
    QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_W QueryCredentialsAttributesExW;
} SecurityFunctionTableW, *PSecurityFunctionTableW;
typedef struct _SECURITY_FUNCTION_TABLE_A {
    ULONG dwVersion;
    ENUMERATE_SECURITY_PACKAGES_FN_A EnumerateSecurityPackagesA;
    QUERY_CREDENTIALS_ATTRIBUTES_FN_A QueryCredentialsAttributesA;
    ACQUIRE_CREDENTIALS_HANDLE_FN_A AcquireCredentialsHandleA;
    FREE_CREDENTIALS_HANDLE_FN FreeCredentialsHandle;
    void *Reserved2;
    INITIALIZE_SECURITY_CONTEXT_FN_A InitializeSecurityContextA;
    ACCEPT_SECURITY_CONTEXT_FN AcceptSecurityContext;
    COMPLETE_AUTH_TOKEN_FN CompleteAuthToken;
    DELETE_SECURITY_CONTEXT_FN DeleteSecurityContext;
    APPLY_CONTROL_TOKEN_FN ApplyControlToken;
    QUERY_CONTEXT_ATTRIBUTES_FN_A QueryContextAttributesA;
    IMPERSONATE_SECURITY_CONTEXT_FN ImpersonateSecurityContext;
    REVERT_SECURITY_CONTEXT_FN RevertSecurityContext;
    MAKE_SIGNATURE_FN MakeSignature;
    VERIFY_SIGNATURE_FN VerifySignature;
    FREE_CONTEXT_BUFFER_FN FreeContextBuffer;
    QUERY_SECURITY_PACKAGE_INFO_FN_A QuerySecurityPackageInfoA;
    void *Reserved3;
    void *Reserved4;
    EXPORT_SECURITY_CONTEXT_FN ExportSecurityContext;
    IMPORT_SECURITY_CONTEXT_FN_A ImportSecurityContextA;
    ADD_CREDENTIALS_FN_A AddCredentialsA;
    void *Reserved8;
    QUERY_SECURITY_CONTEXT_TOKEN_FN QuerySecurityContextToken;
    ENCRYPT_MESSAGE_FN EncryptMessage;
    DECRYPT_MESSAGE_FN DecryptMessage;
    SET_CONTEXT_ATTRIBUTES_FN_A SetContextAttributesA;
    SET_CREDENTIALS_ATTRIBUTES_FN_A SetCredentialsAttributesA;
    CHANGE_PASSWORD_FN_A ChangeAccountPasswordA;
    QUERY_CONTEXT_ATTRIBUTES_EX_FN_A QueryContextAttributesExA;
    QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_A QueryCredentialsAttributesExA;
} SecurityFunctionTableA, *PSecurityFunctionTableA;

PSecurityFunctionTableW SEC_ENTRY InitSecurityInterfaceW(void);
PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceA(void);
typedef PSecurityFunctionTableW(SEC_ENTRY *INIT_SECURITY_INTERFACE_W)(void);
typedef PSecurityFunctionTableA(SEC_ENTRY *INIT_SECURITY_INTERFACE_A)(void);

/* As WinPR calls them, whatever the flags. */
PSecurityFunctionTableW SEC_ENTRY InitSecurityInterfaceExW(ULONG flags);
PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceExA(ULONG flags);

#define SECURITY_ENTRYPOINT_ANSIW "InitSecurityInterfaceW"
#define SECURITY_ENTRYPOINT_ANSIA "InitSecurityInterfaceA"
#define SECURITY_ENTRYPOINT_ANSI NTLMSSPI_AW(SECURITY_ENTRYPOINT_ANSI)

/*
 * Identities as opaque blocks. Those of ours are SEC_WINNT_AUTH_IDENTITY_EX2; every form is read. Strings go to SspiLocalFree, identities to
 * SspiFreeAuthIdentity, which wipes them. Functions answer with a status here; all that Windows documents is that failures are not zero.
 */
SECURITY_STATUS SEC_ENTRY SspiEncodeStringsAsAuthIdentity(
    const SEC_WCHAR *pszUserName, const SEC_WCHAR *pszDomainName, const SEC_WCHAR *pszPackedCredentialsString,
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE *ppAuthIdentity);
/* What is absent comes back as NULL. SEC_E_UNSUPPORTED_FUNCTION, and no strings, for an identity that is encrypted. */
SECURITY_STATUS SEC_ENTRY SspiEncodeAuthIdentityAsStrings(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE pAuthIdentity, const SEC_WCHAR **ppszUserName, const SEC_WCHAR **ppszDomainName,
    const SEC_WCHAR **ppszPackedCredentialsString);
SECURITY_STATUS SEC_ENTRY SspiValidateAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
SECURITY_STATUS SEC_ENTRY SspiCopyAuthIdentity(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData, PSEC_WINNT_AUTH_IDENTITY_OPAQUE *AuthDataCopy);
SECURITY_STATUS SEC_ENTRY SspiCompareAuthIdentities(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity1, PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity2,
    BOOLEAN *SameSuppliedUser, BOOLEAN *SameSuppliedIdentity);
SECURITY_STATUS SEC_ENTRY SspiMarshalAuthIdentity(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity, ULONG *AuthIdentityLength, char **AuthIdentityByteArray);
SECURITY_STATUS SEC_ENTRY SspiUnmarshalAuthIdentity(
    ULONG AuthIdentityLength, char *AuthIdentityByteArray, PSEC_WINNT_AUTH_IDENTITY_OPAQUE *ppAuthIdentity);
SECURITY_STATUS SEC_ENTRY SspiExcludePackage(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity, const SEC_WCHAR *pszPackageName,
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE *ppNewAuthIdentity);
SECURITY_STATUS SEC_ENTRY SspiGetTargetHostName(const SEC_WCHAR *pszTargetName, SEC_WCHAR **pszHostName);
/* Nobody here could keep a key: encrypting is SEC_E_UNSUPPORTED_FUNCTION, decrypting what is not encrypted SEC_E_OK. */
BOOLEAN SEC_ENTRY SspiIsAuthIdentityEncrypted(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
SECURITY_STATUS SEC_ENTRY SspiEncryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
SECURITY_STATUS SEC_ENTRY SspiEncryptAuthIdentityEx(ULONG Options, PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
SECURITY_STATUS SEC_ENTRY SspiDecryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
SECURITY_STATUS SEC_ENTRY SspiDecryptAuthIdentityEx(ULONG Options, PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
/*
 * Strings and structure. A name above 32767 characters or a password above 512 is passed over, because such a length may be none (some callers keep flags in
 * PasswordLength), and the structure is then left as it is: wipe the string yourself, and the structure after it.
 */
void SEC_ENTRY SspiZeroAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
void SEC_ENTRY SspiFreeAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
void SEC_ENTRY SspiLocalFree(PVOID DataBuffer);

/* Names without A or W. */
#define EnumerateSecurityPackages NTLMSSPI_AW(EnumerateSecurityPackages)
#define QuerySecurityPackageInfo NTLMSSPI_AW(QuerySecurityPackageInfo)
#define AcquireCredentialsHandle NTLMSSPI_AW(AcquireCredentialsHandle)
#define AddCredentials NTLMSSPI_AW(AddCredentials)
#define QueryCredentialsAttributes NTLMSSPI_AW(QueryCredentialsAttributes)
#define QueryCredentialsAttributesEx NTLMSSPI_AW(QueryCredentialsAttributesEx)
#define SetCredentialsAttributes NTLMSSPI_AW(SetCredentialsAttributes)
#define ChangeAccountPassword NTLMSSPI_AW(ChangeAccountPassword)
#define InitializeSecurityContext NTLMSSPI_AW(InitializeSecurityContext)
#define QueryContextAttributes NTLMSSPI_AW(QueryContextAttributes)
#define QueryContextAttributesEx NTLMSSPI_AW(QueryContextAttributesEx)
#define SetContextAttributes NTLMSSPI_AW(SetContextAttributes)
#define ImportSecurityContext NTLMSSPI_AW(ImportSecurityContext)
#define InitSecurityInterface NTLMSSPI_AW(InitSecurityInterface)
#define INIT_SECURITY_INTERFACE NTLMSSPI_AW(INIT_SECURITY_INTERFACE_)
#define SecurityFunctionTable NTLMSSPI_AW(SecurityFunctionTable)
#define PSecurityFunctionTable NTLMSSPI_AW(PSecurityFunctionTable)
#define SecPkgInfo NTLMSSPI_AW(SecPkgInfo)
#define PSecPkgInfo NTLMSSPI_AW(PSecPkgInfo)
#define SEC_WINNT_AUTH_IDENTITY NTLMSSPI_AW(SEC_WINNT_AUTH_IDENTITY_)
#define PSEC_WINNT_AUTH_IDENTITY NTLMSSPI_AW(PSEC_WINNT_AUTH_IDENTITY_)
#define SEC_WINNT_AUTH_IDENTITY_EX NTLMSSPI_AW(SEC_WINNT_AUTH_IDENTITY_EX)
#define PSEC_WINNT_AUTH_IDENTITY_EX NTLMSSPI_AW(PSEC_WINNT_AUTH_IDENTITY_EX)
#define SecPkgCredentials_Names NTLMSSPI_AW(SecPkgCredentials_Names)
#define PSecPkgCredentials_Names NTLMSSPI_AW(PSecPkgCredentials_Names)
#define SecPkgContext_Names NTLMSSPI_AW(SecPkgContext_Names)
#define PSecPkgContext_Names NTLMSSPI_AW(PSecPkgContext_Names)
#define SecPkgContext_KeyInfo NTLMSSPI_AW(SecPkgContext_KeyInfo)
#define PSecPkgContext_KeyInfo NTLMSSPI_AW(PSecPkgContext_KeyInfo)
#define SecPkgContext_Authority NTLMSSPI_AW(SecPkgContext_Authority)
#define PSecPkgContext_Authority NTLMSSPI_AW(PSecPkgContext_Authority)
#define SecPkgContext_ProtoInfo NTLMSSPI_AW(SecPkgContext_ProtoInfo)
#define PSecPkgContext_ProtoInfo NTLMSSPI_AW(PSecPkgContext_ProtoInfo)
#define SecPkgContext_PackageInfo NTLMSSPI_AW(SecPkgContext_PackageInfo)
#define PSecPkgContext_PackageInfo NTLMSSPI_AW(PSecPkgContext_PackageInfo)
#define SecPkgContext_NegotiationInfo NTLMSSPI_AW(SecPkgContext_NegotiationInfo)
#define PSecPkgContext_NegotiationInfo NTLMSSPI_AW(PSecPkgContext_NegotiationInfo)
#define SecPkgContext_NativeNames NTLMSSPI_AW(SecPkgContext_NativeNames)
#define PSecPkgContext_NativeNames NTLMSSPI_AW(PSecPkgContext_NativeNames)
#define SecPkgContext_CredentialName NTLMSSPI_AW(SecPkgContext_CredentialName)
#define PSecPkgContext_CredentialName NTLMSSPI_AW(PSecPkgContext_CredentialName)
#define ENUMERATE_SECURITY_PACKAGES_FN NTLMSSPI_AW(ENUMERATE_SECURITY_PACKAGES_FN_)
#define QUERY_SECURITY_PACKAGE_INFO_FN NTLMSSPI_AW(QUERY_SECURITY_PACKAGE_INFO_FN_)
#define ACQUIRE_CREDENTIALS_HANDLE_FN NTLMSSPI_AW(ACQUIRE_CREDENTIALS_HANDLE_FN_)
#define ADD_CREDENTIALS_FN NTLMSSPI_AW(ADD_CREDENTIALS_FN_)
#define QUERY_CREDENTIALS_ATTRIBUTES_FN NTLMSSPI_AW(QUERY_CREDENTIALS_ATTRIBUTES_FN_)
#define QUERY_CREDENTIALS_ATTRIBUTES_EX_FN NTLMSSPI_AW(QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_)
#define SET_CREDENTIALS_ATTRIBUTES_FN NTLMSSPI_AW(SET_CREDENTIALS_ATTRIBUTES_FN_)
#define CHANGE_PASSWORD_FN NTLMSSPI_AW(CHANGE_PASSWORD_FN_)
#define INITIALIZE_SECURITY_CONTEXT_FN NTLMSSPI_AW(INITIALIZE_SECURITY_CONTEXT_FN_)
#define QUERY_CONTEXT_ATTRIBUTES_FN NTLMSSPI_AW(QUERY_CONTEXT_ATTRIBUTES_FN_)
#define QUERY_CONTEXT_ATTRIBUTES_EX_FN NTLMSSPI_AW(QUERY_CONTEXT_ATTRIBUTES_EX_FN_)
#define SET_CONTEXT_ATTRIBUTES_FN NTLMSSPI_AW(SET_CONTEXT_ATTRIBUTES_FN_)
#define IMPORT_SECURITY_CONTEXT_FN NTLMSSPI_AW(IMPORT_SECURITY_CONTEXT_FN_)

#endif
