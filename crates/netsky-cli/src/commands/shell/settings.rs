//! How answers look and where they go, as the commands of the shell set it.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::chart::{ChartKind, Picture};
use crate::commands::query::AnswerArgs;
use crate::commands::shell::find::{self, switched};
use crate::commands::shell::formats;
use crate::failure::Failure;
use crate::output::{Format, ROWS_SHOWN, TableOutput};
use crate::time_zone;

#[derive(Debug)]
pub struct Settings {
    pub answer: AnswerArgs,
    /// Whether a summary with the elapsed time follows each answer.
    pub timer: bool,
    /// The file of the next answer.
    pub once: Option<PathBuf>,
    /// The file to which answers are appended.
    pub output: Option<PathBuf>,
}

// Each setter returns the new state as a sentence.
impl Settings {
    pub fn format(&self) -> Format {
        self.answer.format.unwrap_or(Format::Table)
    }

    /// How commands print their tables.
    pub fn table_output(&self) -> TableOutput {
        TableOutput { format: self.format(), json: self.answer.json }
    }

    fn set_format(&mut self, format: Format) {
        self.answer.format = Some(format);
        self.answer.json = false;
        self.answer.chart = None;
    }

    pub fn set_mode(&mut self, name: Option<&str>) -> Result<String, Failure> {
        if let Some(name) = name {
            self.set_format(formats::format(name)?);
        }
        Ok(match self.answer.chart {
            Some(_) => self.chart_state(),
            None => format!("Mode is {}.", self.format()),
        })
    }

    pub fn set_expanded(&mut self, argument: Option<&str>) -> Result<String, Failure> {
        // A table that is too wide is expanded anyway, as with `\x auto` of psql.
        let argument = argument.map(|state| if state == "auto" { "off" } else { state });
        let is_on = switched(self.format() == Format::Vertical, argument)?;
        self.set_format(if is_on { Format::Vertical } else { Format::Table });
        Ok(state("Expanded display", is_on))
    }

    pub fn set_chart(&mut self, argument: Option<&str>) -> Result<String, Failure> {
        match argument {
            None => {}
            Some(name) if name.eq_ignore_ascii_case("off") => self.answer.chart = None,
            Some(name) => {
                let kind = ChartKind::from_str(name, true).map_err(|_| {
                    let kinds = find::chart_names().join(", ");
                    Failure::input(format!("no chart named '{name}'; valid: {kinds}"))
                })?;
                self.set_format(Format::Table);
                // A format would win.
                self.answer.format = None;
                self.answer.chart = Some(kind);
            }
        }
        Ok(self.chart_state())
    }

    fn chart_state(&self) -> String {
        let kind = self.answer.chart.and_then(|kind| kind.to_possible_value());
        match kind {
            Some(kind) => format!("Answers are {} charts.", kind.get_name()),
            None => "Charts are off.".to_owned(),
        }
    }

    pub fn set_all(&mut self, argument: Option<&str>) -> Result<String, Failure> {
        self.answer.all = switched(self.answer.all, argument)?;
        Ok(match self.answer.all {
            true => "Every row is shown.".to_owned(),
            false => format!("The first {ROWS_SHOWN} rows are shown."),
        })
    }

    pub fn set_timer(&mut self, argument: Option<&str>) -> Result<String, Failure> {
        self.timer = switched(self.timer, argument)?;
        Ok(state("Timer", self.timer))
    }

    pub fn set_once(&mut self, file: PathBuf) -> Result<String, Failure> {
        let state = format!("The next answer goes to {}.", file.display());
        self.once = Some(file);
        Ok(state)
    }

    /// The answers of the file begin with the next query.
    pub fn set_output(&mut self, file: Option<PathBuf>) -> Result<String, Failure> {
        let Some(file) = file else {
            self.output = None;
            return Ok("Answers go to the screen.".to_owned());
        };
        let is_binary = |format| matches!(format, Format::File(file) if file.is_binary());
        let is_picture = Picture::of(None, Some(&file))?.is_some();
        if is_picture || is_binary(self.format_of(&file)) {
            return Err(Failure::input(format!(
                "{} can hold only one answer; write it with .once",
                file.display()
            )));
        }
        crate::output::AtomicFile::create(&file)?.finish()?;
        let state = format!("Answers go to {}, until .output without a file.", file.display());
        self.output = Some(file);
        Ok(state)
    }

    /// The format that the suffix of a file selects, else that of the mode.
    fn format_of(&self, file: &std::path::Path) -> Format {
        Format::of_file(file).unwrap_or_else(|_| self.format())
    }

    /// How the next answer is printed or written.
    pub fn next_answer(&self) -> Result<AnswerArgs, Failure> {
        let mut answer = self.answer.clone();
        let Some(file) = self.once.as_ref().or(self.output.as_ref()) else { return Ok(answer) };
        (answer.all, answer.json) = (false, false);
        if Picture::of(None, Some(file))?.is_some() {
            answer.format = None;
        } else {
            answer.chart = None;
            answer.format = Some(self.format_of(file));
        }
        answer.appends = self.once.is_none();
        answer.output = Some(file.clone());
        Ok(answer)
    }
}

pub fn set_zone(name: Option<&str>) -> Result<String, Failure> {
    if let Some(name) = name {
        time_zone::set(time_zone::parse(name).map_err(Failure::input)?);
    }
    Ok(format!("Times are in {}.", time_zone::shown()?.name()))
}

fn state(what: &str, is_on: bool) -> String {
    format!("{what} is {}.", if is_on { "on" } else { "off" })
}
