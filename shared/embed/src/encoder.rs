//! The network: rows of words and positions in, the mean of the last layer's rows out.

use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;

use crate::model_file::{ModelFile, WIDTH};

/// A plan for texts of any length, ready to run.
pub(crate) struct Encoder {
    plan: Arc<TypedSimplePlan>,
}

impl Encoder {
    /// Reads graph and matrices and builds the plan. Errors: `Configuration` if the file's graph is not one tract can run.
    pub(crate) fn load(file: &ModelFile) -> Result<Self> {
        choose_kernels();
        let model = read(file)?;
        let plan = plan(model).map_err(|error| unusable(&error))?;
        Ok(Self { plan })
    }

    /// The unit vector of a text's ids, of which there is at least one.
    pub(crate) fn embed(&self, file: &ModelFile, ids: &[u32]) -> Result<Vec<f32>> {
        let mut rows = vec![0.0; ids.len() * WIDTH];
        for (position, (id, row)) in ids.iter().zip(rows.chunks_mut(WIDTH)).enumerate() {
            file.add_token(*id, position, row);
        }
        self.run(ids.len(), &rows).map_err(|error| {
            Error::new(ErrorKind::Embedding, format!("the embedding model could not be run: {error}"))
        })
    }

    fn run(&self, tokens: usize, rows: &[f32]) -> TractResult<Vec<f32>> {
        let rows = Tensor::from_shape(&[tokens, WIDTH], rows)?;
        let outputs = self.plan.run(tvec![rows.into()])?;
        let mean = outputs[0].to_plain_array_view::<f32>()?;
        let length = mean.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        ensure!(length.is_normal() && mean.len() == WIDTH, "the vector has no direction");
        #[expect(clippy::cast_possible_truncation, reason = "a vector has as many digits as f32 gives it")]
        Ok(mean.iter().map(|number| (f64::from(*number) / length) as f32).collect())
    }
}

/// For a text of unknown length tract takes the widest kernel there is. Zen 4 works on 512 bits in two halves, and there the kernel
/// of 256 bits is better shaped: a question takes a tenth less. Whoever has set `TRACT_CPU_ISA` has chosen already.
fn choose_kernels() {
    use tract_onnx::tract_core::tract_linalg::knobs::TRACT_CPU_ISA;

    if halves_512_bits() && TRACT_CPU_ISA.get().is_none() {
        TRACT_CPU_ISA.set(Some("-avx512f".to_owned()));
    }
}

/// Whether this is a processor of AMD's family 25, of which Zen 4 is the only one with instructions of 512 bits.
#[cfg(target_arch = "x86_64")]
fn halves_512_bits() -> bool {
    use std::arch::x86_64::__cpuid;

    let (name, version) = (__cpuid(0), __cpuid(1).eax);
    let is_amd = [name.ebx, name.edx, name.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
    is_amd && (version >> 8 & 0xf) + (version >> 20 & 0xff) == 25
}

#[cfg(not(target_arch = "x86_64"))]
fn halves_512_bits() -> bool {
    false
}

/// The graph, with the file's matrices in the place of all inputs but the first.
fn read(file: &ModelFile) -> Result<InferenceModel> {
    let mut graph = file.graph()?;
    let mut model = onnx().model_for_read(&mut graph).map_err(|error| unusable(&error))?;
    let inputs = model.input_outlets().map_err(|error| unusable(&error))?.to_vec();
    let (rows, matrices) = inputs.split_first().ok_or_else(|| unusable(&anyhow!("it has no inputs")))?;
    for input in matrices {
        let name = model.node(input.node).name.clone();
        let shape = shape(&model, *input).map_err(|error| unusable(&error))?;
        let matrix = file.matrix(&name, &shape)?;
        put(&mut model, *input, &shape, &matrix).map_err(|error| unusable(&error))?;
    }
    model.set_input_outlets(&[*rows]).map_err(|error| unusable(&error))?;
    Ok(model)
}

fn shape(model: &InferenceModel, outlet: OutletId) -> TractResult<TVec<usize>> {
    let shape = model.outlet_fact(outlet)?.shape.concretize().context("a matrix has a shape")?;
    shape.iter().map(|size| Ok(size.to_usize()?)).collect()
}

fn put(model: &mut InferenceModel, outlet: OutletId, shape: &[usize], matrix: &[f32]) -> TractResult<()> {
    let matrix = Tensor::from_shape(shape, matrix)?.into_arc_tensor();
    model.set_outlet_fact(outlet, TypedFact::try_from(matrix.clone())?.into())?;
    model.node_mut(outlet.node).op = Const::new(matrix)?.into();
    Ok(())
}

/// Not decluttered first: that takes half as long again, and the plan runs no faster.
fn plan(model: InferenceModel) -> TractResult<Arc<TypedSimplePlan>> {
    let mut model = model.into_typed()?;
    model.optimize()?;
    TypedSimplePlan::new(model)
}

fn unusable(error: &TractError) -> Error {
    Error::new(ErrorKind::Configuration, format!("the embedding model's graph cannot be run: {error}"))
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests {
    #[test]
    fn the_processor_is_told_as_the_system_tells_it() {
        let system = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let says = |name: &str, value: &str| {
            let row = system.lines().find(|row| row.starts_with(name)).unwrap();
            row.split(':').nth(1).unwrap().trim() == value
        };
        assert_eq!(super::halves_512_bits(), says("vendor_id", "AuthenticAMD") && says("cpu family", "25"));
    }
}
