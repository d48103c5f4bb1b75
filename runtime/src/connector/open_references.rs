//! References that nobody was asked for: what they stand for is not known where a file is checked, and settings refuse the reference
//! itself.

use serde_json::Value;

use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::config::settings::ConnectorFile;
use crate::connector::parts::{MAX_TRIES, Parts};
use crate::connector::stand_in::StandIns;

impl Parts<'_> {
    /// Looks whether what is refused stands for something that is not known here, so that something else may do for it. Whoever runs
    /// records through the plug-in has to know it, and so it is reported to them: then it is not fine. `None` where it is refused
    /// for what it is.
    pub(super) fn is_open(&mut self, path: &str) -> Option<bool> {
        let node = self.node.lookup(path).1;
        let scalar = node.scalar().filter(|scalar| scalar.kept)?;
        let is_fine = self.follow == Follow::Local;
        if !is_fine {
            let reason = format!(
                "`{path}`: `{}` has no value here; set the variable, or give the reference a default, as `${{env:NAME:-value}}`",
                scalar.text
            );
            let problem = Problem::at(self.file, node.position, reason);
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        Some(is_fine)
    }

    /// Reads the settings that are of no plug-in.
    pub(super) fn file_of(&mut self, mut value: Value) -> Result<ConnectorFile, Vec<Problem>> {
        let mut stand_ins = None;
        for _ in 0..MAX_TRIES {
            let error = match serde_path_to_error::deserialize::<_, ConnectorFile>(&value) {
                Ok(file) if self.problems.is_empty() => return Ok(file),
                Ok(_) => break,
                Err(error) => error,
            };
            let path = error.path().to_string().replace(['[', ']'], ".");
            let is_open = self.is_open(&path).is_some();
            if !is_open
                || !stand_ins.get_or_insert_with(StandIns::of::<ConnectorFile>).replace(&mut value, &path)
            {
                self.problems.push(self.problem(&path, &format!("`{path}`: {}", error.inner())));
                break;
            }
        }
        Err(std::mem::take(&mut self.problems))
    }
}
