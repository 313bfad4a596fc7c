//! The suite needs Python 2.7, which Debian last had in bullseye. Its packages are unpacked below `.cache`, touching
//! nothing of the system.

use super::cache;
use crate::shell::{Outcome, capture, command, root};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const DEBIAN: &str =
    "python2.7 python2.7-minimal libpython2.7 libpython2.7-minimal libpython2.7-stdlib libssl1.1 libffi7";
/// The last of their kind for Python 2.7. Packages without a wheel are built with them.
const BUILDERS: &str = "pip==20.3.4 setuptools==44.1.1 wheel==0.37.1";
const PIP_WHEEL: &str = "pip-20.3.4-py2.py3-none-any.whl";
const REQUIREMENTS: &str = "conformance/websocket/requirements.txt";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An installed suite.
pub(super) struct Suite {
    home: PathBuf,
}

/// The suite, installed if it is not there yet as it should be.
pub(super) fn suite() -> Outcome<Suite> {
    let suite = Suite { home: cache() };
    let requirements = root().join(REQUIREMENTS);
    let wanted = std::fs::read_to_string(&requirements).map_err(|error| said(&requirements, &error))?;
    let done = suite.home.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(suite);
    }
    println!("installing Python 2.7 and the Autobahn test suite in {} (120 MB)", suite.home.display());
    for folder in ["root", "site", "wheels", "debs", "apt"] {
        let _ = std::fs::remove_dir_all(suite.home.join(folder));
    }
    suite.unpack_python()?;
    suite.install_packages()?;
    // Written last: an installation that was cut short is begun anew.
    std::fs::write(&done, wanted).map_err(|error| said(&done, &error))?;
    Ok(suite)
}

impl Suite {
    /// The suite's command in one of its modes.
    pub(super) fn wstest(&self, mode: &str, questions: &Path) -> Command {
        let mut command = self.python("conformance/websocket/wstest.py");
        // Its web server, which would show the reports, is switched off.
        command.arg(self.home.join("site")).args(["-u", "0", "-m", mode, "-s"]).arg(questions);
        command
    }

    fn python(&self, arguments: &str) -> Command {
        let program = self.home.join("root/usr/bin/python2.7");
        let mut command = Command::new(program);
        command.args(["-W", "ignore"]).args(arguments.split_whitespace()).current_dir(root());
        command.env("LD_LIBRARY_PATH", self.home.join("root/usr/lib/x86_64-linux-gnu"));
        // Nothing of the caller's Python belongs in here.
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn unpack_python(&self) -> Outcome {
        let apt = self.home.join("apt");
        let debs = self.home.join("debs");
        for folder in [apt.join("lists/partial"), apt.join("cache/archives/partial"), debs.clone()] {
            std::fs::create_dir_all(&folder).map_err(|error| said(&folder, &error))?;
        }
        let config = configure_apt(&apt)?;
        let run = |line: &str| {
            let mut command = command("", line);
            command.env("APT_CONFIG", &config).current_dir(&debs);
            capture(command)
        };
        run("apt-get update -q")?;
        run(&format!("apt-get download -q {DEBIAN}"))?;
        let packages = std::fs::read_dir(&debs).map_err(|error| said(&debs, &error))?;
        for package in packages.flatten() {
            let mut unpack = command("", "dpkg -x");
            unpack.arg(package.path()).arg(self.home.join("root"));
            capture(unpack)?;
        }
        Ok(())
    }

    fn install_packages(&self) -> Outcome {
        let wheels = self.home.join("wheels");
        let site = self.home.join("site");
        let mut download = command("", &format!("python3 -m pip download -q --no-deps {BUILDERS} -d"));
        download.arg(&wheels);
        capture(download)?;
        let mut builders = self.python("");
        builders.arg(wheels.join(PIP_WHEEL).join("pip")).args(["install", "-q", "--no-index", "--find-links"]);
        builders.arg(&wheels).args(BUILDERS.split_whitespace()).arg("--target").arg(&site);
        capture(builders)?;
        let mut packages = self.python("-m pip install -q --no-deps --no-build-isolation --target");
        packages.arg(&site).arg("-r").arg(root().join(REQUIREMENTS)).env("PYTHONPATH", &site);
        capture(packages)?;
        Ok(())
    }
}

/// An apt of our own: this machine's Debian mirror with the older release, and no package installed.
fn configure_apt(home: &Path) -> Outcome<OsString> {
    let mut targets = command("", "apt-get indextargets --format $(REPO_URI)");
    targets.args(["Created-By: Packages", "Origin: Debian", "Label: Debian"]);
    let targets = capture(targets)?;
    let mirror = targets.lines().next().ok_or("apt knows no Debian mirror: python2.7 comes from Debian bullseye")?;
    let sources = home.join("sources.list");
    let status = home.join("status");
    let config = home.join("apt.conf");
    let line = format!("deb [signed-by={KEYRING}] {mirror} bullseye main\n");
    let options = format!(
        "Dir::Etc::SourceList \"{}\";\nDir::Etc::SourceParts \"/dev/null\";\nDir::State::Lists \"{}\";\n\
         Dir::State::Status \"{}\";\nDir::Cache \"{}\";\nAPT::Sandbox::User \"root\";\n",
        sources.display(),
        home.join("lists").display(),
        status.display(),
        home.join("cache").display(),
    );
    for (path, text) in [(&sources, line), (&status, String::new()), (&config, options)] {
        std::fs::write(path, text).map_err(|error| said(path, &error))?;
    }
    Ok(config.into_os_string())
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
