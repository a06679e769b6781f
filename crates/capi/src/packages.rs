//! Packages: what there is, and what it says about itself.

use ntlm_sspi::SecurityStatus;
use ntlm_sspi::tables::package_info::PackageInfo;

use crate::alloc::{self, Block};
use crate::frame::{Answer, In, Out, export};
use crate::settings::interface;
use crate::string::{Character, Text, terminated};
use crate::types::{SEC_CHAR, SEC_WCHAR, SecPkgInfo};
use std::ffi::c_void;

/// SecPkgInfo structures in one block, their strings behind them.
pub(crate) fn block<C: Character>(packages: &[PackageInfo]) -> Answer<Block> {
    let text = |text: &str| terminated::<C>(&text.encode_utf16().collect::<Vec<_>>());
    let texts: Vec<_> = packages.iter().map(|package| [text(package.name), text(package.comment)]).collect();
    let structures = size_of_val(packages).max(size_of::<SecPkgInfo>() * packages.len());
    let strings: usize = texts.iter().flatten().map(|text| text.len() * size_of::<C>()).sum();
    let mut block = Block::new(structures + strings)?;
    let mut end = structures;
    for (index, (package, texts)) in packages.iter().zip(&texts).enumerate() {
        let mut put = |text: &[C]| {
            let pointer = block.pointer(end);
            for &character in text {
                block.put(end, character)?;
                end += size_of::<C>();
            }
            Ok::<_, SecurityStatus>(pointer)
        };
        let [name, comment] = texts;
        let (name, comment) = (put(name)?, put(comment)?);
        let structure = SecPkgInfo {
            fCapabilities: package.capabilities,
            wVersion: package.version,
            wRPCID: package.rpc_id,
            cbMaxToken: package.max_token,
            Name: name,
            Comment: comment,
        };
        block.put(index * size_of::<SecPkgInfo>(), structure)?;
    }
    Ok(block)
}

fn enumerate<C: Character>(count: &Out<u32>, packages: &Out<*mut c_void>) -> Answer {
    count.required()?;
    packages.required()?;
    let found: Vec<_> = interface().enumerate_security_packages().copied().collect();
    packages.write(block::<C>(&found)?.give());
    count.write(u32::try_from(found.len()).unwrap_or(u32::MAX));
    Ok(())
}

fn query<C: Character>(name: &Text<C>, package: &Out<*mut c_void>) -> Answer {
    let found = interface().query_security_package_info(&name.package()?)?;
    package.required()?;
    package.write(block::<C>(&[*found])?.give());
    Ok(())
}

export! {
    /// EnumerateSecurityPackagesW.
    fn EnumerateSecurityPackagesW(pcPackages: Out<u32>, ppPackageInfo: Out<*mut c_void>) {
        enumerate::<SEC_WCHAR>(&pcPackages, &ppPackageInfo)
    }

    /// EnumerateSecurityPackagesA.
    fn EnumerateSecurityPackagesA(pcPackages: Out<u32>, ppPackageInfo: Out<*mut c_void>) {
        enumerate::<SEC_CHAR>(&pcPackages, &ppPackageInfo)
    }

    /// QuerySecurityPackageInfoW.
    fn QuerySecurityPackageInfoW(pszPackageName: Text<SEC_WCHAR>, ppPackageInfo: Out<*mut c_void>) {
        query(&pszPackageName, &ppPackageInfo)
    }

    /// QuerySecurityPackageInfoA.
    fn QuerySecurityPackageInfoA(pszPackageName: Text<SEC_CHAR>, ppPackageInfo: Out<*mut c_void>) {
        query(&pszPackageName, &ppPackageInfo)
    }

    /// FreeContextBuffer. Memory that is not ours is refused.
    fn FreeContextBuffer(pvContextBuffer: In<c_void>) {
        alloc::free(pvContextBuffer.address())
    }
}
